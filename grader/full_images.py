"""The official training images, for notebooks that are graded in profile ``full``.

A folder that holds MNIST usually holds the test set too, and that is the exam: so the sandbox sees
a copy with the training files alone.
"""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from data_utils.idx_files import has_idx_files
from grader.errors import GraderError

ENTERABLE = 0o755  # the sandbox reads it under another account


def training_folder() -> Path:
    """Return a folder with the official training files and nothing else.

    Raises
    ------
    GraderError
        If ``ANOMALY_COURSE_DATA`` names no folder with MNIST's training files.
    """
    chosen = os.environ.get("ANOMALY_COURSE_DATA")
    if not chosen or not has_idx_files(Path(chosen)):
        raise GraderError(
            "Profile full needs MNIST's official files. Set ANOMALY_COURSE_DATA to a folder that "
            "holds MNIST/raw/train-images-idx3-ubyte, or grade with --profile embedded."
        )
    return _copy(Path(chosen).resolve())


@functools.cache
def _copy(folder: Path) -> Path:
    """Copy the training files once in this process; the copy goes when the process ends."""
    copy = Path(tempfile.mkdtemp(prefix="mnist-train-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    raw = copy / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (folder / "MNIST" / "raw").glob("train-*"):
        shutil.copyfile(path, raw / path.name)
    for place in (copy, raw.parent, raw):
        place.chmod(ENTERABLE)
    return copy
