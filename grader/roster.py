"""Who is who: which person of Canvas or Moodle a student's folder belongs to.

`collect` writes it to ``roster.json`` in the course folder; `export` reads it. It holds names, so
it belongs where the submissions are and nowhere else.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grader.collect_names import CANVAS
from grader.errors import GraderError
from grader.files import write_atomically

FILE = "roster.json"


@dataclass(frozen=True)
class Person:
    """One student as the platform knows them.

    Attributes
    ----------
    student : str
        The name of the folder.
    name : str
        As the platform writes it.
    lms : {"canvas", "moodle", ""}
    ids : dict
        The platform's number by notebook id: Moodle gives another one in each assignment.
    versions : dict
        Which version of each notebook was taken: Canvas's number of the upload, else a time.
    """

    student: str
    name: str
    lms: str
    ids: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def id_in(self, notebook_id: str) -> str:
        """Return the platform's number for one notebook, or an empty string."""
        if self.lms == CANVAS:  # one number for the whole installation
            return next(iter(self.ids.values()), "")
        return self.ids.get(notebook_id, "")

    def with_version(self, notebook_id: str, lms_id: str, version: str) -> "Person":
        """Return the person with what was collected last."""
        ids = {**self.ids, notebook_id: lms_id} if lms_id else self.ids
        versions = {**self.versions, notebook_id: version} if version else self.versions
        return dataclasses.replace(self, ids=ids, versions=versions)


def read_roster(root: Path) -> dict[str, Person]:
    """Return the people of a course folder by their folder's name; none where there is no file.

    Raises
    ------
    GraderError
        If the file is there and cannot be read.
    """
    path = root / FILE
    if not path.exists():
        return {}
    try:
        people = [_person(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise GraderError(
            f"{path} cannot be read ({error}). Repair it, or delete it and collect again."
        ) from error
    return {person.student: person for person in people}


def write_roster(root: Path, people: Iterable[Person]) -> None:
    """Write the people of a course folder, sorted."""
    rows = [dataclasses.asdict(p) for p in sorted(people, key=lambda p: p.student)]
    text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    write_atomically(root / FILE, text.encode())


def _person(row: dict[str, object]) -> Person:
    person = Person(**row)  # type: ignore[arg-type]
    texts = (person.student, person.name, person.lms, *person.ids.values())
    if not all(isinstance(text, str) for text in (*texts, *person.versions.values())):
        raise ValueError("a value is not a text")
    return person
