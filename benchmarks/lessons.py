"""How the measurements behind a notebook's text are taken: what is missing, one after the other."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.calibration import one_thread
from grader.files import write_atomically


def measure_missing(
    results: Path, command: str, lessons: Mapping[str, Callable[[], Any]]
) -> dict[str, Any]:
    """Take the measurements that the results lack; write each down as it comes.

    Parameters
    ----------
    results : Path
        A JSON file; a run that was stopped goes on where it was.
    command : str
        Which makes that file.
    lessons : mapping
        The measurements by the names of their results.

    Returns
    -------
    dict
        All results, the command with them.
    """
    one_thread()
    done: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {}
    done["command"] = command
    for name, lesson in lessons.items():
        if name not in done:
            done[name] = lesson()
            write_atomically(results, (json.dumps(done, indent=1) + "\n").encode())
            print(name, done[name], flush=True)
    return done
