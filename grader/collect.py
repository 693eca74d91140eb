"""Take in what Moodle, Canvas or a folder holds: one notebook a student, every file accounted for.

What is taken lies in nbgrader's layout, ``submitted/STUDENT/NOTEBOOK/NOTEBOOK.ipynb``, byte for
byte as it was handed in.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from data_utils.course import load_course
from grader.archives import Entry, open_source
from grader.classroom import ClassFolder
from grader.collect_names import PLAIN, owners
from grader.errors import CollectError
from grader.roster import read_roster, write_roster
from grader.seating import Seating
from grader.taking import (
    REFUSED,
    SKIPPED,
    TAKEN,
    UNCHANGED,
    WAITING,
    Collected,
    OwnedFiles,
    Taking,
    why_no_notebook,
)


@dataclass(frozen=True)
class CollectResult:
    """Every file of a source, once each."""

    files: tuple[Collected, ...]

    def of(self, outcome: str) -> list[Collected]:
        """Return the files with one outcome."""
        return [file for file in self.files if file.outcome == outcome]

    @property
    def needs_a_look(self) -> bool:
        """Whether a file was refused or waits for a decision."""
        return bool(self.of(REFUSED) or self.of(WAITING))

    def lines(self) -> list[str]:
        """Return the counts, then a line for each file that was not simply taken or unchanged."""
        counts = Counter(file.outcome for file in self.files)
        words = [f"{counts[o]} {o}" for o in (TAKEN, UNCHANGED, WAITING, REFUSED, SKIPPED)]
        told = [f.line() for f in self.files if f.reason and f.outcome != UNCHANGED]
        return [f"{len(self.files)} files: {', '.join(words)}.", *told]


def collect(
    source: Path, folder: ClassFolder, notebook_id: str, *, replace: bool = False
) -> CollectResult:
    """Take one notebook a student from a zip or a folder into the course folder.

    Parameters
    ----------
    source : Path
        A zip as Moodle or Canvas gives it, the same unpacked, or a folder of notebooks.
    folder : ClassFolder
    notebook_id : str
        Which notebook of the course was to be handed in.
    replace : bool
        Whether another submission that lies there already gives way to one that is not known to
        be newer.

    Raises
    ------
    CollectError
        If the source cannot be read at all.
    GraderError
        If the course folder cannot be written.
    """
    load_course().notebook(notebook_id)
    if source.resolve() in (folder.root.resolve(), folder.submitted.resolve()):
        raise CollectError(
            f"{source} is where submissions are kept. Name the zip or the folder they come from."
        )
    people = read_roster(folder.root)
    with open_source(source) as entries, tempfile.TemporaryDirectory() as desk:
        done, mine = _sort(entries, notebook_id)
        if not done and not mine:
            raise CollectError(f"{source} holds no file.")
        seating = Seating(people, folder.submitted, notebook_id, mine)
        for owner, files in mine.items():
            student, refusal = seating.seat(owner)
            if refusal:
                done += [Collected(e.name, "", REFUSED, refusal) for e, _ in files]
                continue
            taking = Taking(folder, notebook_id, student, people.get(student), Path(desk), replace)
            became = taking.take(files)
            done += became
            first = files[0][1]
            handed_in = any(file.outcome in (TAKEN, UNCHANGED, WAITING) for file in became)
            if not handed_in and first.lms != PLAIN:  # a platform lists students and nobody else
                taking.keep_place()
            if handed_in or first.lms != PLAIN:
                people[student] = taking.person(first)
    write_roster(folder.root, people.values())
    return CollectResult(tuple(sorted(done, key=lambda file: file.file)))


def _sort(
    entries: list[Entry], notebook_id: str
) -> tuple[list[Collected], dict[tuple[str, str], OwnedFiles]]:
    """Part what can be no notebook from what may be one, by its owner."""
    done: list[Collected] = []
    rest: list[Entry] = []
    for entry in entries:
        if entry.is_rubbish:
            done.append(Collected(entry.name, "", SKIPPED, "The system or Jupyter left it there."))
        elif entry.refusal:
            done.append(Collected(entry.name, "", REFUSED, entry.refusal))
        else:
            rest.append(entry)
    mine: dict[tuple[str, str], OwnedFiles] = {}
    for entry, owner in zip(rest, owners([e.parts for e in rest], notebook_id), strict=True):
        if owner is None:
            why = why_no_notebook(entry) or (
                "Its name does not say whose it is. Put it into a folder named after the student."
            )
            done.append(Collected(entry.name, "", REFUSED, why))
        else:
            mine.setdefault(owner.key, []).append((entry, owner))
    return done, mine
