"""Write the arrays of notebook 3 that come from a run of its solution.

    python -m benchmarks.prepare_nb3

Runs the master's cells, and writes down what each `attempt` gave: an unsolved exercise is replaced
by that (`data_utils/prepared/nb3_resnet_transfer.npz`). Features are kept in half precision, which
`data_utils.prepared_files` widens again. About two CPU minutes, most of them fine-tuning.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.calibration import one_thread
from benchmarks.lessons_nb3 import NOTEBOOK, opened
from benchmarks.masters import ROOT, given_cells, run_cell
from data_utils.prepared_files import prepared_bytes
from grader.files import write_atomically

FILE = ROOT / "data_utils" / "prepared" / f"{NOTEBOOK}.npz"
MOST_BYTES = 600_000
DIGITS = 4  # after the point, where numbers are printed or drawn, no more
FEATURES = "3.3 "


def main() -> None:
    """Run, and store."""
    one_thread()
    here, values = opened(), {}

    def record(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        values[name] = function(*arguments)
        return values[name]

    here["attempt"] = record
    for name, source in given_cells(NOTEBOOK).items():
        if "attempt(" in source or name == "train":
            run_cell(here, name, source)
    values["3.9 threshold"] = here["threshold"]
    content = prepared_bytes({name: plain(name, value) for name, value in values.items()})
    if len(content) > MOST_BYTES:
        raise SystemExit(f"{FILE.name} would have {len(content)} bytes; at most {MOST_BYTES}.")
    write_atomically(FILE, content)
    print(f"{FILE.name}: {len(content)} bytes, {', '.join(values)}")


def plain(name: str, value: Any) -> Any:
    """Return a value as `prepared_bytes` takes it: small floats, and Python's own numbers."""
    if isinstance(value, np.ndarray) and value.ndim:
        small = np.float16 if name.startswith(FEATURES) else np.float32
        return value.astype(small) if value.dtype.kind == "f" else value
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        return tuple(plain(name, part) for part in value)
    if isinstance(value, dict):
        return {key: plain(name, part) for key, part in value.items()}
    return np.round(value, DIGITS).tolist()


if __name__ == "__main__":
    main()
