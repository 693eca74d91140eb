"""Write the arrays of notebook 2 that come from a run of its solution.

    python -m benchmarks.prepare_nb2

Runs the master's cells, and writes down what each `attempt` gave: an unsolved exercise is replaced
by that (`data_utils/prepared/nb2_gan_detector.npz`). About a CPU minute.
"""

from benchmarks.calibration import one_thread
from benchmarks.lessons_nb2 import NOTEBOOK, opened
from benchmarks.prepare import attempts_of, write_prepared

MOST_BYTES = 300_000


def main() -> None:
    """Train, score, and store."""
    one_thread()
    write_prepared(NOTEBOOK, attempts_of(NOTEBOOK, opened()), MOST_BYTES)


if __name__ == "__main__":
    main()
