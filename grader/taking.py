"""One student's files of one source: which one counts, and whether it is put in place."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from grader.archives import Entry
from grader.classroom import ClassFolder
from grader.collect_names import CANVAS, PLAIN, Owner
from grader.errors import SubmissionError, WriteError
from grader.files import write_atomically
from grader.roster import Person
from grader.submissions import read_bytes, read_submission

# What became of a file. "waiting": another one lies there, and this one is not known to be newer.
TAKEN, UNCHANGED, WAITING, REFUSED, SKIPPED = "taken", "unchanged", "waiting", "refused", "skipped"
PACKED = frozenset({".zip", ".rar", ".7z", ".gz", ".tar", ".tgz"})
TIMESTAMP = "timestamp.txt"  # where nbgrader keeps when something was handed in
LONGEST_TIMESTAMP = 100  # bytes; nbgrader writes 30
OwnedFiles = list[tuple[Entry, Owner]]


@dataclass(frozen=True)
class Collected:
    """What became of one file of the source.

    Attributes
    ----------
    file : str
        As the source names it.
    student : str
        Whose it is; empty where that is not known.
    outcome : {"taken", "unchanged", "waiting", "refused", "skipped"}
    reason : str
        A sentence; empty for what was simply taken.
    """

    file: str
    student: str
    outcome: str
    reason: str = ""

    def line(self) -> str:
        """Return the file, what became of it and why."""
        reason = f": {self.reason}" if self.reason else ""
        whose = f" ({self.student})" if self.student else ""
        return f"{self.outcome}  {self.file}{whose}{reason}"


@dataclass(frozen=True)
class _Candidate:
    """A file that is the wanted notebook."""

    entry: Entry
    owner: Owner
    content: bytes

    @property
    def version(self) -> str:
        """What tells a later file from an earlier one."""
        return str(self.owner.upload) if self.owner.lms == CANVAS else self.entry.modified

    @property
    def order(self) -> tuple[int, int, str]:
        """The latest is the greatest. A zip's times are often those of the download: last."""
        return (self.owner.upload, self.owner.copy_number, self.entry.modified)


def why_no_notebook(entry: Entry) -> str:
    """Say what else than a notebook a file is by its name, or return an empty string."""
    ending = PurePosixPath(entry.parts[-1]).suffix.lower()
    if ending == ".ipynb":
        return ""
    if ending in PACKED:
        return "It is an archive. Hand in the notebook itself, the .ipynb file."
    return "It is not a notebook. Hand in the .ipynb file."


class Taking:
    """One student's files of one source: which one counts, and whether it is put in place.

    Parameters
    ----------
    folder : ClassFolder
    notebook_id, student : str
    known : Person or None
        What the roster says about the student.
    desk : Path
        An empty folder for files that are looked at.
    replace : bool
    """

    def __init__(
        self,
        folder: ClassFolder,
        notebook_id: str,
        student: str,
        known: Person | None,
        desk: Path,
        replace: bool,
    ) -> None:
        self.notebook_id = notebook_id
        self.student = student
        self.known = known
        self.desk = desk
        self.replace = replace
        self.place = folder.submitted / student / notebook_id
        self.taken_version = ""

    def take(self, files: OwnedFiles) -> list[Collected]:
        """Put the file that counts in place, and say what became of each."""
        done: list[Collected] = []
        candidates: list[_Candidate] = []
        # In a download from a platform, a student could have written it.
        times = [e for e, o in files if o.lms == PLAIN and e.parts[-1] == TIMESTAMP]
        for entry, owner in files:
            if entry in times:
                continue
            outcome, reason, content = self._look(entry)
            if outcome == TAKEN:
                candidates.append(_Candidate(entry, owner, content))
            else:
                done.append(self._say(entry, outcome, reason))
        chosen, reason = self._choose(candidates)
        for candidate in candidates:
            if candidate is chosen:
                done.append(self._put(candidate, times))
            elif chosen is None:
                done.append(self._say(candidate.entry, REFUSED, reason))
            elif candidate.content == chosen.content:
                why = f"It is the same as {chosen.entry.name}."
                done.append(self._say(candidate.entry, SKIPPED, why))
            else:
                why = f"{chosen.entry.name} counts: it {reason}."
                done.append(self._say(candidate.entry, SKIPPED, why))
        return done + [self._say(entry, *_why_of_time(entry)) for entry in times]

    def person(self, owner: Owner) -> Person:
        """Return what the roster has to hold about the student from now on."""
        known = self.known or Person(self.student, owner.name, owner.lms)
        return known.with_version(self.notebook_id, owner.id, self.taken_version)

    def keep_place(self) -> None:
        """Make the student's folder without a notebook: so the class shows who has none."""
        try:
            self.place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"{self.place} could not be made ({error.strerror}).") from error

    def _look(self, entry: Entry) -> tuple[str, str, bytes]:
        """Return whether it is the wanted notebook, the reason if not, and its bytes."""
        why = why_no_notebook(entry)
        if why:
            return REFUSED, why, b""
        copy = self.desk / "handed_in.ipynb"
        try:
            content = entry.read()
            copy.write_bytes(content)
            found = read_submission(copy).notebook.id
        except SubmissionError as error:
            return REFUSED, str(error).replace(copy.name, entry.parts[-1]), b""
        if found != self.notebook_id:
            why = f"It is {found}. Collect it with --assignment {found}."
            return SKIPPED, why, b""
        return TAKEN, "", content

    def _choose(self, candidates: list[_Candidate]) -> tuple[_Candidate | None, str]:
        """Return the file that counts and why the others do not, or None and why none does."""
        named = [c for c in candidates if c.owner.is_named(self.notebook_id)]
        pool = named or candidates
        if not pool:
            return None, ""
        best = max(pool, key=lambda c: c.order)
        others = [c for c in pool if c.content != best.content]
        if not named and any(c.owner.stem != best.owner.stem for c in others):
            return None, (
                f"The student handed in several notebooks, and none is named "
                f"{self.notebook_id}.ipynb. Rename the one that counts."
            )
        if any(c.order == best.order for c in others):
            return None, "Two different files have this name, and neither is the later one."
        return best, "is the later one" if others else f"is named {self.notebook_id}.ipynb"

    def _put(self, chosen: _Candidate, times: Iterable[Entry]) -> Collected:
        """Write the file that counts, unless another one lies there that has to stay."""
        target = self.place / f"{self.notebook_id}.ipynb"
        if any(path.is_symlink() for path in (self.place, self.place.parent)):
            why = f"The folder {self.student} is a link to another one."
            return self._say(chosen.entry, REFUSED, why)
        there = os.path.lexists(target)
        if there and _same(target, chosen.content):
            self.taken_version = chosen.version
            return self._say(chosen.entry, UNCHANGED, "It lies there already.")
        newer = self._is_newer(chosen)
        if there and not newer and not self.replace:
            why = (
                "Another notebook of this student lies there, and this one is not known to be "
                "newer. Collect with --replace to take this one."
            )
            return self._say(chosen.entry, WAITING, why)
        write_atomically(target, chosen.content)
        self._put_time(chosen, times)
        self.taken_version = chosen.version
        why = "It replaces the one that was there." if there else ""
        if not chosen.owner.is_named(self.notebook_id):
            why += f" It was named {chosen.owner.file}."
        return self._say(chosen.entry, TAKEN, why.strip())

    def _is_newer(self, chosen: _Candidate) -> bool:
        """Say whether it is later than what was collected for the student before."""
        before = self.known.versions.get(self.notebook_id, "") if self.known else ""
        now = chosen.version
        if before.isdigit() and now.isdigit():
            return int(now) > int(before)
        return bool(before and now) and before.isdigit() == now.isdigit() and now > before

    def _put_time(self, chosen: _Candidate, times: Iterable[Entry]) -> None:
        """Keep nbgrader's timestamp: the one beside the notebook, or none."""
        beside = [t for t in times if t.parts[:-1] == chosen.entry.parts[:-1]]
        path = self.place / TIMESTAMP
        text = _timestamp(beside[0]) if beside else ""
        if text:
            write_atomically(path, f"{text}\n".encode())
        else:
            path.unlink(missing_ok=True)  # it told of the earlier notebook

    def _say(self, entry: Entry, outcome: str, reason: str) -> Collected:
        return Collected(entry.name, self.student, outcome, reason)


def _same(path: Path, content: bytes) -> bool:
    try:
        return hashlib.sha256(read_bytes(path)).digest() == hashlib.sha256(content).digest()
    except SubmissionError:
        return False


def _why_of_time(entry: Entry) -> tuple[str, str]:
    if _timestamp(entry):
        return SKIPPED, "It says when the notebook was handed in."
    return REFUSED, "It holds no time that can be read, such as 2026-03-01 10:00:00 UTC."


def _timestamp(entry: Entry) -> str:
    """Return the time that a file holds as nbgrader writes it, or an empty string."""
    try:
        text = entry.read()[:LONGEST_TIMESTAMP].decode().strip()
        datetime.fromisoformat(text.removesuffix(" UTC"))
    except (SubmissionError, ValueError):
        return ""
    return text
