"""Write the arrays of notebook 3 that come from a run of its solution.

    python -m benchmarks.prepare_nb3

Runs the master's cells, and writes down what each `attempt` gave: an unsolved exercise is replaced
by that (`data_utils/prepared/nb3_resnet_transfer.npz`). Features are kept in half precision, which
`data_utils.prepared_files` widens again. About two CPU minutes, most of them fine-tuning.
"""

from benchmarks.calibration import one_thread
from benchmarks.lessons_nb3 import NOTEBOOK, opened
from benchmarks.prepare import attempts_of, write_prepared

MOST_BYTES = 600_000
FEATURES = "3.3 "


def main() -> None:
    """Run, and store."""
    one_thread()
    here = opened()
    values = attempts_of(NOTEBOOK, here, also=("collapse",))
    values["3.9 threshold"] = here["threshold"]
    write_prepared(NOTEBOOK, values, MOST_BYTES, half=(FEATURES,))


if __name__ == "__main__":
    main()
