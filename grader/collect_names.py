"""Whose notebook a file is, by the name that Canvas, Moodle or an instructor gave it.

Canvas (its "Download Submissions"; the naming is in its source, lib/content_zipper.rb):
``doejane_LATE_12345_67890_nb1-1.ipynb``: the sortable name in small letters without anything but
letters, digits and underscores; ``LATE`` if it was; the user's id; the id of the upload, which
grows with every upload; the student's own file name. Anonymous: ``anon_x7Gd2_67890_nb1.ipynb``.

Moodle ("Download all submissions"; mod/assign/classes/downloader.php):
``Jane Doe_12345_assignsubmission_file/nb1.ipynb``, in older versions with an underscore behind
``file``, or without folders ``Jane Doe_12345_assignsubmission_file_nb1.ipynb``. A name holds no
underscore. The number is that of the grading worksheet's "Participant 12345", and it is another one
in each assignment. Anonymous: ``Participant_12345_...``; groups: the group's name and number.

A folder or zip of an instructor's own: ``ada/nb1.ipynb``, ``ada.ipynb``, ``nb1_ada.ipynb``, or
nbgrader's ``ada/nb1/nb1.ipynb``.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.classroom import why_no_name

CANVAS, MOODLE, PLAIN = "canvas", "moodle", ""
BLIND = "Participant"  # what Moodle writes in place of every name
LONGEST_SLUG = 40  # characters of a name within a folder's name; the id follows it

# The first match counts: what follows is the student's own file name, which may imitate one.
_CANVAS = re.compile(
    r"(?:(?!(?:LATE_)?anon_)(?P<name>\w+?)_)?(?:LATE_)?"
    r"(?P<id>\d+|anon_[^\W_]+)_(?P<upload>\d+)_(?P<file>.+)",
    re.DOTALL,
)
_CANVAS_TEXT = re.compile(r"\w+_(?:\d+|anon_\w+)_(?:text|link)\.html")
_MOODLE = re.compile(
    r"(?P<name>[^_]+)(?:_(?P<id>\d+))?_assignsubmission_(?P<plugin>[a-z0-9]+)(?:_(?P<file>.*))?",
    re.DOTALL,
)
_COPY = re.compile(r"(?:\s*\((\d+)\)|-(\d+)|-Copy(\d*)|\s+-\s+Copy)$")
# Names that Windows keeps for devices, with or without an ending.
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM[1-9]|LPT[1-9])(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """Whose file it is.

    Attributes
    ----------
    lms : {"canvas", "moodle", ""}
    id : str
        The platform's number of the person; empty where it gives none.
    name : str
        The person's name as the platform writes it, or the student's folder.
    file : str
        The file name that the student gave.
    upload : int
        Canvas's number of the upload, the higher the later; 0 elsewhere.
    """

    lms: str
    id: str
    name: str
    file: str
    upload: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What tells two owners in one source apart."""
        return (self.lms, self.id or self.name)

    @property
    def copy_number(self) -> int:
        """The number that a browser or a platform put behind the name of a later copy."""
        return undecorated(PurePosixPath(self.file).stem)[1]

    def is_named(self, notebook_id: str) -> bool:
        """Whether the file has the name that it was given out under."""
        return _plain_stem(self.file) == _normal(notebook_id)

    @property
    def stem(self) -> str:
        """The file's name without what was added to it."""
        return _plain_stem(self.file)


def owners(paths: Sequence[tuple[str, ...]], notebook_id: str) -> list[Owner | None]:
    """Return the owner of each file of one source; None where its name does not tell.

    One name in the form of a platform makes the source that platform's: nobody else's names are
    guessed at then.

    Examples
    --------
    >>> owners([("ada", "nb1.ipynb")], "nb1")[0].name
    'ada'
    """
    paths = _without_wrapper(paths)
    known = [_platform_owner(path) for path in paths]
    if any(known) or any(_CANVAS_TEXT.fullmatch(path[-1]) for path in paths if len(path) == 1):
        return list(known)
    return [_plain_owner(path, notebook_id) for path in paths]


def undecorated(stem: str) -> tuple[str, int]:
    """Return a file's stem without the marks of a copy, and the copy's number.

    Examples
    --------
    >>> undecorated("nb1 (2)"), undecorated("nb1-1"), undecorated("Copy of nb1")
    (('nb1', 2), ('nb1', 1), ('nb1', 0))
    """
    number = 0
    while found := _COPY.search(stem):
        stem = stem[: found.start()]
        digits = next((group for group in found.groups() if group), "")
        number = max(number, int(digits[:9] or 1))
    return stem.removeprefix("Copy of ").strip(), number


def slug(name: str) -> str:
    """Return a name as part of a folder's name: small letters and digits, joined by dashes.

    Examples
    --------
    >>> slug("Jane O'Neil-Doe"), slug("***")
    ('jane-oneil-doe', 'student')
    """
    text = unicodedata.normalize("NFC", name).lower()
    words = re.split(r"[^\w]+|_+", re.sub(r"['\u2019]", "", text))  # both apostrophes
    joined = "-".join(word for word in words if word and word.isalnum())
    return joined[:LONGEST_SLUG].strip("-") or "student"


def why_no_student(name: str) -> str:
    """Say why a name from outside cannot be a student's folder, or return an empty string."""
    if _RESERVED.fullmatch(name) or name.endswith("."):
        return "cannot name a folder on every system"
    return why_no_name(name)


def folded(name: str) -> str:
    """Return a name as file systems compare it that take capitals and small letters for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _platform_owner(path: tuple[str, ...]) -> Owner | None:
    if not path:
        return None
    moodle = _MOODLE.fullmatch(path[0])
    if moodle and (len(path) > 1 or moodle["file"]):
        file = path[-1] if len(path) > 1 else moodle["file"]
        return Owner(MOODLE, moodle["id"] or "", moodle["name"].strip(), file)
    canvas = _CANVAS.fullmatch(path[0]) if len(path) == 1 else None
    if canvas:
        upload = int(canvas["upload"][:18])  # more digits than any database key has
        return Owner(CANVAS, canvas["id"], canvas["name"] or "anonymous", canvas["file"], upload)
    return None


def _plain_owner(path: tuple[str, ...], notebook_id: str) -> Owner | None:
    """Return whose file it is by its folder, else by its name."""
    if not path:
        return None
    if len(path) > 1:
        return Owner(PLAIN, "", unicodedata.normalize("NFC", path[0]), path[-1])
    # "-1" stays: student-1 and student-2 are two people.
    stem = re.sub(r"\s*\(\d+\)$", "", PurePosixPath(path[0]).stem)
    given = re.escape(notebook_id)
    name = re.sub(rf"^{given}(?:[ _.-]+|$)|(?:^|[ _.-]+){given}$", "", stem, flags=re.IGNORECASE)
    if not name or _plain_stem(path[0]) == _normal(notebook_id):
        return None
    return Owner(PLAIN, "", unicodedata.normalize("NFC", name), path[0])


def _without_wrapper(paths: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drop the one folder around a platform's files that unpacking and packing again adds."""
    tops = {path[0] for path in paths if path}
    inner = [path[1:] for path in paths]
    one_folder = len(tops) == 1 and all(inner)
    named_outside = any(_platform_owner(path) for path in paths)
    if one_folder and not named_outside and any(_platform_owner(path) for path in inner):
        return inner
    return list(paths)


def _plain_stem(file: str) -> str:
    return _normal(undecorated(PurePosixPath(file).stem)[0])


def _normal(stem: str) -> str:
    return re.sub(r"[\s_-]+", "_", stem).casefold()
