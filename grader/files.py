"""Writing files so that a crash leaves either the old or the new one."""

import os
import tempfile
from pathlib import Path

from grader.errors import WriteError

TEMPORARY = ".unfinished-"  # how the name of a file begins that a killed process leaves behind


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` to `path` through a temporary file in the same folder.

    Raises
    ------
    WriteError
        If the folder cannot be written or the disk is full; the old file stays as it was.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY, delete=False) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)  # NamedTemporaryFile gives 0600
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise WriteError(
            f"{path} could not be written ({error.strerror}). Free some space or make the folder "
            "writable, then run the same command again; nothing that was finished is lost."
        ) from error
