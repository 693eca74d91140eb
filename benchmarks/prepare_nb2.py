"""Write the arrays of notebook 2 that come from a run of its solution.

    python -m benchmarks.prepare_nb2

Runs the master's cells, and writes down what each `attempt` gave: an unsolved exercise is replaced
by that (`data_utils/prepared/nb2_gan_detector.npz`). About a CPU minute.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.calibration import one_thread
from benchmarks.lessons_nb2 import NOTEBOOK, opened
from benchmarks.masters import ROOT, given_cells, run_cell
from data_utils.prepared_files import prepared_bytes
from grader.files import write_atomically

FILE = ROOT / "data_utils" / "prepared" / f"{NOTEBOOK}.npz"
MOST_BYTES = 300_000
DIGITS = 4  # after the point, in dicts: their numbers are printed or drawn, no more


def main() -> None:
    """Train, score, and store."""
    one_thread()
    here, values = opened(), {}

    def record(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        values[name] = function(*arguments)
        return values[name]

    here["attempt"] = record
    for name, source in given_cells(NOTEBOOK).items():
        if "attempt(" in source or name == "train":
            run_cell(here, name, source)
    content = prepared_bytes({name: plain(value) for name, value in values.items()})
    if len(content) > MOST_BYTES:
        raise SystemExit(f"{FILE.name} would have {len(content)} bytes; at most {MOST_BYTES}.")
    write_atomically(FILE, content)
    print(f"{FILE.name}: {len(content)} bytes, {', '.join(values)}")


def plain(value: Any) -> Any:
    """Return a value as `prepared_bytes` takes it: float32 arrays, and Python's own numbers."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float32) if value.dtype.kind == "f" else value
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    if isinstance(value, dict):
        return {name: np.round(part, DIGITS).tolist() for name, part in value.items()}
    return np.asarray(value).tolist()


if __name__ == "__main__":
    main()
