"""Which folder a person's work goes to: the same one each time, and never somebody else's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.archives import Entry
from grader.collect_names import BLIND, MOODLE, PLAIN, Owner, folded, slug, why_no_student
from grader.roster import Person


class Seating:
    """The folders of the owners of one source.

    Parameters
    ----------
    people : mapping of str to Person
        The roster, by folder; it may grow while the source is collected.
    submitted : Path
    notebook_id : str
    files : mapping
        The files of the source by `Owner.key`.
    """

    def __init__(
        self,
        people: Mapping[str, Person],
        submitted: Path,
        notebook_id: str,
        files: Mapping[tuple[str, str], Sequence[tuple[Entry, Owner]]],
    ) -> None:
        self._people = people
        self._notebook_id = notebook_id
        self._there = {path.name for path in submitted.iterdir()} if submitted.is_dir() else set()
        self._all = [group[0][1] for group in files.values()]
        self._names = Counter(folded(slug(owner.name)) for owner in self._all)
        self._given: dict[str, tuple[str, str]] = {}

    def seat(self, key: tuple[str, str]) -> tuple[str, str]:
        """Return the folder of an owner, or an empty string and why there is none."""
        owner = next(owner for owner in self._all if owner.key == key)
        known = self._known(owner)
        student = known or self._new(owner)
        wrong = why_no_student(student)
        if wrong:
            return "", f"The student's name {student!r} {wrong}. Rename the folder or the file."
        if student in self._given or (not known and student in self._people):
            return "", f"The folder {student!r} is another person's. Collect this file by hand."
        taken = {folded(name): name for name in [*self._there, *self._people, *self._given]}
        same = taken.get(folded(student), student)
        if same != student:
            return "", (
                f"The student's name {student!r} differs from {same!r} only in capitals, and on "
                "many systems both are one folder. Rename one of them."
            )
        self._given[student] = key
        return student, ""

    def _known(self, owner: Owner) -> str:
        """Return the folder that the roster or the name gives, or an empty string."""
        if owner.lms == PLAIN:
            return owner.name
        same = [person for person in self._people.values() if person.lms == owner.lms]
        by_id = [p for p in same if owner.id and p.id_in(self._notebook_id) == owner.id]
        if by_id:
            return by_id[0].student
        if owner.lms != MOODLE or owner.name == BLIND or self._is_shared(owner):
            return ""
        # Moodle's number is another one in each assignment: there the name has to do.
        by_name = [
            person
            for person in same
            if person.name == owner.name
            and (self._notebook_id not in person.ids or person.ids[self._notebook_id] == owner.id)
            and person.student not in self._given
        ]
        return by_name[0].student if len(by_name) == 1 else ""

    def _new(self, owner: Owner) -> str:
        """Return a folder for somebody new: the name, with the number where it is needed."""
        name = slug(owner.name)
        with_id = f"{name}-{slug(owner.id)}" if owner.id else name
        if owner.lms != MOODLE or owner.name == BLIND or self._is_shared(owner):
            return with_id
        taken = {folded(other) for other in [*self._people, *self._given]}
        return with_id if folded(name) in taken else name

    def _is_shared(self, owner: Owner) -> bool:
        """Whether somebody else in the same source has the same name."""
        return self._names[folded(slug(owner.name))] > 1
