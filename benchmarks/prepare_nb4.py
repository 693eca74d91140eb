"""Write the arrays of notebook 4 that come from a run of its solution.

    python -m benchmarks.prepare_nb4

Runs the master's cells, and writes down what each `attempt` gave: an unsolved exercise is replaced
by that (`data_utils/prepared/nb4_geometric_transforms.npz`).
"""

from benchmarks.calibration import one_thread
from benchmarks.lessons_nb4 import NOTEBOOK, opened
from benchmarks.prepare import attempts_of, write_prepared

MOST_BYTES = 300_000


def main() -> None:
    """Train, run, and store."""
    one_thread()
    here = opened()
    values = attempts_of(NOTEBOOK, here)
    values["4.10 threshold"] = here["threshold"]
    write_prepared(NOTEBOOK, values, MOST_BYTES)


if __name__ == "__main__":
    main()
