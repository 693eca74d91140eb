"""The files in a zip or a folder that somebody sent: looked at one by one, never unpacked.

No name from outside becomes a path here. A member is read with a limit of its own, whatever its
header says about its size; all of them together have one as well.
"""

import contextlib
import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grader.errors import CollectError, SubmissionError
from grader.submissions import MAX_BYTES, read_bytes

MAX_ENTRIES = 100_000  # 500 students with 200 files each
MAX_TOTAL_BYTES = 4_000_000_000  # 500 notebooks of 8 MB; read one by one, so this costs time only
MAX_NAME = 1_000  # characters of a path; file systems take 255 bytes for each part
LOCAL_HEADER = 30  # bytes before the name of a member, which comes before its data
UTF8_NAME, ENCRYPTED = 0x800, 0x1  # bits of a member's flags
RUBBISH_FOLDERS = frozenset({"__MACOSX", ".ipynb_checkpoints", "__pycache__"})
RUBBISH_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    Attributes
    ----------
    name : str
        As the source has it, in a form that can be printed.
    parts : tuple of str
        The folders and the file name.
    modified : str
        The time that the source gives for it, local, ISO 8601; empty if none. In a zip from Moodle
        or Canvas it is the time of the download.
    refusal : str
        Why it is not read; empty if it may be.
    """

    name: str
    parts: tuple[str, ...]
    modified: str
    refusal: str
    _read: Callable[[], bytes]

    @property
    def is_rubbish(self) -> bool:
        """Whether an operating system or Jupyter left it there."""
        last = self.parts[-1] if self.parts else ""
        return bool(
            RUBBISH_FOLDERS & set(self.parts) or last in RUBBISH_FILES or last.startswith("._")
        )

    def read(self) -> bytes:
        """Return the file's bytes, at most `MAX_BYTES`.

        Raises
        ------
        SubmissionError
            If it is larger, damaged, or cannot be read.
        """
        return self._read()


@contextlib.contextmanager
def open_source(source: Path) -> Iterator[list[Entry]]:
    """Yield the files of a zip or a folder, sorted by name.

    Raises
    ------
    CollectError
        If it is neither, cannot be read, or holds more than anybody's class.
    """
    if source.is_dir():
        yield _files_of(source)
        return
    try:
        archive = zipfile.ZipFile(source)
    except FileNotFoundError:
        raise CollectError(
            f"{source} does not exist. Name the zip or the folder that you downloaded."
        ) from None
    except (*_BROKEN, NotImplementedError) as error:
        raise CollectError(
            f"{source.name} is not a zip that can be read ({_one_line(error)}). Download it again; "
            "a download that was cut off ends like this."
        ) from error
    with archive:
        yield _members_of(archive, source)


def why_no_path(name: str) -> str:
    """Say what is wrong with a name in an archive, or return an empty string.

    Examples
    --------
    >>> why_no_path("ada/nb.ipynb"), why_no_path("../nb.ipynb")
    ('', 'leads out of its folder')
    """
    if not name or len(name) > MAX_NAME:
        return f"is empty or longer than {MAX_NAME} characters"
    if not name.isprintable():
        return "holds characters that cannot be printed"
    if "\\" in name or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is an absolute path or holds a backslash"
    if ".." in name.split("/"):
        return "leads out of its folder"
    return ""


def _members_of(archive: zipfile.ZipFile, source: Path) -> list[Entry]:
    members = archive.infolist()
    if len(members) > MAX_ENTRIES:
        raise CollectError(
            f"{source.name} holds {len(members)} files; at most {MAX_ENTRIES} are read. "
            "Download the submissions of one assignment."
        )
    left = [MAX_TOTAL_BYTES]
    times_named = Counter(_true_name(member) for member in members)
    overlapping = _overlapping(members)
    entries = []
    for member in members:
        name = _true_name(member)
        refusal = _why_not_read(member, name)
        if not refusal and times_named[name] > 1:
            refusal = f"The archive holds this name {times_named[name]} times."
        if not refusal and member.header_offset in overlapping:
            refusal = "It shares bytes with another file of the archive, as only a zip bomb does."
        if name.endswith("/") and not refusal:
            continue  # a folder holds nothing itself
        entries.append(_member_entry(archive, member, name, refusal, left))
    return sorted(entries, key=lambda entry: entry.name)


def _member_entry(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, refusal: str, left: list[int]
) -> Entry:
    try:
        modified = datetime(*member.date_time).isoformat()
    except ValueError:
        modified = ""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return Entry(
        printable(name), parts, modified, refusal, lambda: _read_member(archive, member, name, left)
    )


def _why_not_read(member: zipfile.ZipInfo, name: str) -> str:
    """Say why a member is refused by what the archive says about it."""
    wrong = why_no_path(name)
    if wrong:
        return f"Its name {wrong}."
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "It is a link. Hand in the notebook itself."
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "It is not a plain file."
    if member.flag_bits & ENCRYPTED:
        return "It is encrypted. Hand in the notebook without a password."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "It is packed in a way that no learning platform uses."
    if name.lower().endswith(".ipynb") and member.file_size > MAX_BYTES:
        return _too_large(member.file_size)
    return ""


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, left: list[int]
) -> bytes:
    """Read one member; `left` counts down what all of them together may hold."""
    if left[0] <= 0:
        raise SubmissionError(
            f"{printable(name)} was not read: the archive holds more than "
            f"{MAX_TOTAL_BYTES / 1e9:.0f} GB. Collect it in parts."
        )
    try:
        with archive.open(member) as file:
            content = file.read(MAX_BYTES + 1)
    except (*_BROKEN, NotImplementedError) as error:
        raise SubmissionError(
            f"{printable(name)} is damaged in the archive ({_one_line(error)}). "
            "Download it again, or have it handed in again."
        ) from None
    left[0] -= len(content)
    if len(content) > MAX_BYTES:
        raise SubmissionError(_too_large(len(content)))
    return content


def _overlapping(members: list[zipfile.ZipInfo]) -> set[int]:
    """Return where members begin that share bytes with another one."""
    found = set()
    end, owner = -1, -1
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            found |= {member.header_offset, owner}
        ends = member.header_offset + LOCAL_HEADER + member.compress_size
        if ends > end:
            end, owner = ends, member.header_offset
    return found


def _true_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; one without the mark for UTF-8 may be UTF-8 all the same."""
    name = member.orig_filename
    if member.flag_bits & UTF8_NAME:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _files_of(folder: Path) -> list[Entry]:
    entries: list[Entry] = []

    def stop(error: OSError) -> None:
        raise CollectError(f"{error.filename} cannot be read ({error.strerror}).") from error

    for where, folders, files in os.walk(folder, onerror=stop):
        linked = [name for name in folders if (Path(where) / name).is_symlink()]
        for name in [*files, *linked]:
            entries.append(_file_entry(Path(where) / name, folder))
        if len(entries) > MAX_ENTRIES:
            raise CollectError(
                f"{folder} holds more than {MAX_ENTRIES} files. Name the folder of one assignment."
            )
    return sorted(entries, key=lambda entry: entry.name)


def _file_entry(path: Path, folder: Path) -> Entry:
    parts = path.relative_to(folder).parts
    name = "/".join(parts)
    wrong = why_no_path(name)
    refusal = f"Its name {wrong}." if wrong else ""
    if path.is_symlink():
        refusal = "It is a link. Put the notebook itself there."
    try:
        modified = datetime.fromtimestamp(path.lstat().st_mtime).isoformat(timespec="seconds")
    except (OSError, ValueError, OverflowError):
        modified = ""
    return Entry(printable(name), parts, modified, refusal, lambda: read_bytes(path))


def printable(name: str) -> str:
    r"""Return a name that a terminal can show: what it cannot is written as an escape.

    Examples
    --------
    >>> printable("Zoë"), printable("a\n")
    ('Zoë', 'a\\n')
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name[:MAX_NAME])


def _too_large(size: int) -> str:
    return (
        f"It has more than {MAX_BYTES / 1e6:.0f} MB ({size / 1e6:.0f} MB). "
        "Clear its outputs and hand it in again."
    )


def _one_line(error: BaseException) -> str:
    return printable(" ".join(str(error).split()))[:120] or type(error).__name__
