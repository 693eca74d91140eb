"""The secret of a course: what the images of its exam are varied by. It never enters a sandbox."""

import functools
import hashlib
import re
import secrets
from pathlib import Path

from grader.errors import GraderError
from grader.files import write_atomically

SECRET_FILE = "exam_secret"  # in the course folder
PUBLIC_SECRET = ""  # of whoever grades without a course folder: the same images for everybody
SECRET_BYTES = 32
OWNER_ONLY = 0o600
SHOWN_CHARACTERS = 16  # of its hash, in reports: tells secrets apart and says nothing of them


def course_secret(course: Path) -> str:
    """Return the path of a course's secret, as `Settings` takes it; the first call makes one.

    Raises
    ------
    GraderError
        If it cannot be written, or the file there holds none.
    """
    path = (course / SECRET_FILE).resolve()
    if not path.exists():
        write_atomically(path, f"{secrets.token_hex(SECRET_BYTES)}\n".encode(), OWNER_ONLY)
    read_secret(str(path))
    return str(path)


@functools.lru_cache(maxsize=8)  # one grading asks a few times, and means the same secret
def read_secret(path: str) -> str:
    """Return the secret in a file; the public one where no file is named.

    Raises
    ------
    GraderError
        If the file cannot be read or holds no secret.
    """
    if not path:
        return PUBLIC_SECRET
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise GraderError(f"{path} cannot be read ({error}). {_WAY_OUT}") from error
    if not re.fullmatch(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}", text):
        raise GraderError(f"{path} holds no secret. {_WAY_OUT}")
    return text


def secret_hash(path: str) -> str:
    """Return what a report says of the secret in a file: enough to see that it changed."""
    return hashlib.sha256(read_secret(path).encode()).hexdigest()[:SHOWN_CHARACTERS]


_WAY_OUT = (
    "Exam images are varied by it. Put back the file that was there; without it, delete this one: "
    "the next autograde makes a new one and grades everybody again."
)
