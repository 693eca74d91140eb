"""What Moodle, Canvas and instructors have: taken, refused or left, and every file named once."""

import json
import os
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.classroom import ClassFolder, list_seats
from grader.collect import CollectResult, collect
from grader.collect_names import Owner, owners, slug, undecorated, why_no_student
from grader.errors import CollectError, GraderError, SubmissionError
from grader.roster import read_roster
from grader.submissions import released_notebook

NB = "nb1_autoencoder"
RELEASED = released_notebook(NB).read_bytes()
Files = dict[str, bytes]
RESERVED = why_no_student("con")


def notebook(who: str) -> bytes:
    """A notebook of the course that is somebody's own: the bytes differ, the cells do not."""
    tree = json.loads(RELEASED)
    tree["metadata"]["who"] = who
    return json.dumps(tree).encode()


def zip_of(path: Path, files: Files, when: tuple[int, ...] = (2026, 3, 1, 12, 0, 0)) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, date_time=when)  # type: ignore[arg-type]
            archive.writestr(member, content)
    return path


def folder_of(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def outcomes(result: CollectResult) -> dict[str, str]:
    assert max(Counter(file.file for file in result.files).values()) == 1
    return {file.file: file.outcome for file in result.files}


def reason(result: CollectResult, name: str) -> str:
    return next(file.reason for file in result.files if file.file == name)


def lying(root: Path) -> dict[str, bytes]:
    """What lies in the course folder after collecting, by student."""
    return {
        path.parent.parent.name: path.read_bytes()
        for path in (root / "submitted").glob(f"*/{NB}/{NB}.ipynb")
    }


@pytest.fixture
def course(tmp_path: Path) -> ClassFolder:
    root = tmp_path / "course"
    root.mkdir()
    return ClassFolder(root)


def test_a_download_from_canvas(tmp_path: Path, course: ClassFolder) -> None:
    source = zip_of(
        tmp_path / "submissions.zip",
        {
            "doejane_12345_678_nb1_autoencoder.ipynb": notebook("old"),
            "doejane_12345_702_nb1_autoencoder-1.ipynb": notebook("jane"),
            "roejoe_LATE_12346_690_My solution.ipynb": notebook("joe"),
            "müllerzoë_12347_691_nb1_autoencoder.ipynb": notebook("zoë"),
            "xuli_12348_692_work.zip": b"PK\x03\x04",
            "pooradam_12349_693_nb1_autoencoder.pdf": b"%PDF",
            "slowsam_12350_text.html": b"<p>see my site</p>",
            "anon_x7Gd2_694_12_nb1_autoencoder.ipynb": notebook("anonymous"),
        },
    )
    result = collect(source, course, NB)
    assert lying(course.root) == {
        "doejane-12345": notebook("jane"),
        "roejoe-12346": notebook("joe"),
        "müllerzoë-12347": notebook("zoë"),
        "anonymous-anon-x7gd2": notebook("anonymous"),
    }
    assert outcomes(result)["doejane_12345_678_nb1_autoencoder.ipynb"] == "skipped"
    assert "the later one" in reason(result, "doejane_12345_678_nb1_autoencoder.ipynb")
    assert "It was named My solution.ipynb" in reason(
        result, "roejoe_LATE_12346_690_My solution.ipynb"
    )
    assert "hand in the notebook itself" in reason(result, "xuli_12348_692_work.zip").lower()
    assert Counter(outcomes(result).values()) == {"taken": 4, "skipped": 1, "refused": 3}
    without = {"xuli-12348", "pooradam-12349"}  # they stand as missing in the class
    assert {s.student for s in list_seats(course.submitted, NB)} == {*lying(course.root), *without}
    assert set(read_roster(course.root)) == {*lying(course.root), *without}
    jane = read_roster(course.root)["doejane-12345"]
    assert (jane.name, jane.lms, jane.id_in(NB)) == ("doejane", "canvas", "12345")
    assert jane.id_in("another notebook") == "12345"


@pytest.mark.parametrize(
    "pattern",
    [
        "{name}_{id}_assignsubmission_file_/{file}",
        "{name}_{id}_assignsubmission_file/{file}",
        "{name}_{id}_assignsubmission_file_{file}",
        "nb1 downloads/{name}_{id}_assignsubmission_file_/{file}",
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_download_from_moodle(
    tmp_path: Path, course: ClassFolder, pattern: str, packed: bool
) -> None:
    def path(name: str, number: int, file: str) -> str:
        return pattern.format(name=name, id=number, file=file)

    files = {
        path("Jane Doe", 501, f"{NB}.ipynb"): notebook("jane"),
        path("Jane Doe", 502, f"{NB}.ipynb"): notebook("the other jane"),
        path("Zoë O'Neil-Müller", 503, "solution.ipynb"): notebook("zoë"),
        path("Participant", 504, f"{NB}.ipynb"): notebook("blind"),
        path("Bob Roe", 505, "notes.txt"): b"sorry",
    }
    source = zip_of(tmp_path / "m.zip", files) if packed else folder_of(tmp_path / "m", files)
    result = collect(source, course, NB)
    assert lying(course.root) == {
        "jane-doe-501": notebook("jane"),
        "jane-doe-502": notebook("the other jane"),
        "zoë-oneil-müller": notebook("zoë"),
        "participant-504": notebook("blind"),
    }
    assert outcomes(result)[path("Bob Roe", 505, "notes.txt")] == "refused"
    assert read_roster(course.root)["zoë-oneil-müller"].id_in(NB) == "503"
    assert read_roster(course.root)["zoë-oneil-müller"].id_in("another notebook") == ""


def test_moodles_group_without_a_number(tmp_path: Path, course: ClassFolder) -> None:
    name = f"Default group_assignsubmission_file_/{NB}.ipynb"
    collect(zip_of(tmp_path / "m.zip", {name: notebook("group")}), course, NB)
    assert list(lying(course.root)) == ["default-group"]


def test_an_instructors_own_folder(tmp_path: Path, course: ClassFolder) -> None:
    source = folder_of(
        tmp_path / "class",
        {
            "student-1.ipynb": notebook("1"),
            "student-2.ipynb": notebook("2"),
            f"{NB}_ada.ipynb": notebook("ada"),
            f"bob/{NB}/{NB}.ipynb": notebook("bob"),
            f"bob/{NB}/timestamp.txt": b"2026-03-01 10:00:00.5 UTC\n",
            "ada/timestamp.txt": b"yesterday",
            f"{NB}.ipynb": notebook("whose?"),
            "README.md": b"hello",
            ".DS_Store": b"\0",
            f"bob/{NB}/.ipynb_checkpoints/{NB}-checkpoint.ipynb": notebook("bob"),
            f"__MACOSX/bob/._{NB}.ipynb": b"\0",
        },
    )
    result = collect(source, course, NB)
    assert lying(course.root) == {
        "student-1": notebook("1"),
        "student-2": notebook("2"),
        "ada": notebook("ada"),
        "bob": notebook("bob"),
    }
    time = (course.submitted / "bob" / NB / "timestamp.txt").read_text()
    assert time == "2026-03-01 10:00:00.5 UTC\n"
    assert not (course.submitted / "ada" / NB / "timestamp.txt").exists()
    assert "does not say whose" in reason(result, f"{NB}.ipynb")
    assert Counter(outcomes(result).values()) == {"taken": 4, "refused": 3, "skipped": 4}
    assert result.lines()[0] == ("11 files: 4 taken, 0 unchanged, 0 waiting, 3 refused, 4 skipped.")


def test_a_student_cannot_write_a_time_into_a_download(tmp_path: Path, course: ClassFolder) -> None:
    where = "Jane Doe_501_assignsubmission_file_"
    files = {f"{where}/{NB}.ipynb": notebook("j"), f"{where}/timestamp.txt": b"2000-01-01 UTC"}
    result = collect(zip_of(tmp_path / "m.zip", files), course, NB)
    assert outcomes(result)[f"{where}/timestamp.txt"] == "refused"
    assert not (course.submitted / "jane-doe" / NB / "timestamp.txt").exists()


def test_a_student_cannot_hand_in_for_somebody_else(tmp_path: Path, course: ClassFolder) -> None:
    """What follows the platform's own part of the name is the student's."""
    files = {
        f"Eve_1_assignsubmission_file_Bob_2_assignsubmission_file_{NB}.ipynb": notebook("eve"),
        f"Mallory_3_assignsubmission_file_/Bob_2_assignsubmission_file_/{NB}.ipynb": notebook("m"),
    }
    collect(zip_of(tmp_path / "m.zip", files), course, NB)
    assert lying(course.root) == {"eve": notebook("eve"), "mallory": notebook("m")}
    one = owners([("evil_7_8_bob_2_9_nb.ipynb",)], NB)
    assert one == [Owner("canvas", "7", "evil", "bob_2_9_nb.ipynb", 8)]


def test_the_same_again_is_unchanged_and_a_later_one_replaces(
    tmp_path: Path, course: ClassFolder
) -> None:
    first = {f"doejane_1_500_{NB}.ipynb": notebook("first")}
    later = {f"doejane_1_600_{NB}-1.ipynb": notebook("later")}
    collect(zip_of(tmp_path / "1.zip", first), course, NB)
    again = collect(tmp_path / "1.zip", course, NB)
    assert set(outcomes(again).values()) == {"unchanged"}
    result = collect(zip_of(tmp_path / "2.zip", later), course, NB)
    assert "replaces" in result.files[0].reason
    assert lying(course.root) == {"doejane-1": notebook("later")}
    result = collect(tmp_path / "1.zip", course, NB)
    assert outcomes(result) == {f"doejane_1_500_{NB}.ipynb": "waiting"}
    assert result.needs_a_look
    assert lying(course.root) == {"doejane-1": notebook("later")}
    collect(tmp_path / "1.zip", course, NB, replace=True)
    assert lying(course.root) == {"doejane-1": notebook("first")}


def test_without_numbers_the_time_decides(tmp_path: Path, course: ClassFolder) -> None:
    name = f"Jane Doe_501_assignsubmission_file_/{NB}.ipynb"
    for year, expected in ((2025, "taken"), (2024, "waiting"), (2026, "taken")):
        source = zip_of(
            tmp_path / f"{year}.zip", {name: notebook(str(year))}, (year, 1, 1, 0, 0, 0)
        )
        assert outcomes(collect(source, course, NB)) == {name: expected}
    assert lying(course.root) == {"jane-doe": notebook("2026")}


def test_what_lies_there_from_elsewhere_stays(tmp_path: Path, course: ClassFolder) -> None:
    folder_of(course.submitted, {f"ada/{NB}/{NB}.ipynb": b"put there by hand"})
    source = folder_of(tmp_path / "class", {"ada.ipynb": notebook("ada")})
    assert outcomes(collect(source, course, NB)) == {"ada.ipynb": "waiting"}
    assert lying(course.root) == {"ada": b"put there by hand"}


def test_moodles_numbers_change_with_the_assignment_but_the_folder_does_not(
    tmp_path: Path, course: ClassFolder
) -> None:
    name = "Jane Doe_{}_assignsubmission_file_/" + f"{NB}.ipynb"
    collect(zip_of(tmp_path / "1.zip", {name.format(501): notebook("j")}), course, NB)
    roster = course.root / "roster.json"
    roster.write_text(roster.read_text().replace(NB, "an_earlier_notebook"))
    (course.submitted / "jane-doe" / NB).rename(course.submitted / "jane-doe/an_earlier_notebook")
    collect(zip_of(tmp_path / "2.zip", {name.format(777): notebook("j2")}), course, NB)
    assert lying(course.root) == {"jane-doe": notebook("j2")}
    jane = read_roster(course.root)["jane-doe"]
    assert jane.ids == {"an_earlier_notebook": "501", NB: "777"}
    other = zip_of(tmp_path / "3.zip", {name.format(778): notebook("another Jane")})
    collect(other, course, NB)
    assert lying(course.root)["jane-doe-778"] == notebook("another Jane")
    assert lying(course.root)["jane-doe"] == notebook("j2")


def test_which_of_several_notebooks_counts(tmp_path: Path, course: ClassFolder) -> None:
    source = folder_of(
        tmp_path / "class",
        {
            f"ada/{NB}.ipynb": notebook("ada"),
            "ada/scratch.ipynb": notebook("scratch"),
            f"bob/{NB}.ipynb": notebook("bob 0"),
            f"bob/{NB} (2).ipynb": notebook("bob 2"),
            f"bob/{NB} (1).ipynb": notebook("bob 1"),
            "eve/try.ipynb": notebook("eve 1"),
            "eve/final.ipynb": notebook("eve 2"),
            "dan/a.ipynb": notebook("dan"),
            "dan/b.ipynb": notebook("dan"),
            "fay/other.ipynb": b'{"nbformat": 4, "cells": []}',
        },
    )
    os.utime(source / f"bob/{NB}.ipynb", (2e9, 2e9))  # a copy's number tells more than its time
    result = collect(source, course, NB)
    there = lying(course.root)
    assert there == {"ada": notebook("ada"), "bob": notebook("bob 2"), "dan": notebook("dan")}
    assert outcomes(result)["eve/try.ipynb"] == outcomes(result)["eve/final.ipynb"] == "refused"
    assert "none is named nb1_autoencoder.ipynb" in reason(result, "eve/try.ipynb")
    assert "holds no exercise" in reason(result, "fay/other.ipynb")
    assert "handed_in" not in reason(result, "fay/other.ipynb")
    assert sorted(outcomes(result).values()) == ["refused"] * 3 + ["skipped"] * 4 + ["taken"] * 3


def test_the_courses_other_notebook_is_left_for_its_own_turn(
    tmp_path: Path, course: ClassFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        class notebook:  # noqa: N801
            id = "nb2_gan_detector"

    monkeypatch.setattr("grader.taking.read_submission", lambda path: Other)
    result = collect(folder_of(tmp_path / "c", {"ada/gan.ipynb": notebook("a")}), course, NB)
    assert outcomes(result) == {"ada/gan.ipynb": "skipped"}
    assert "--assignment nb2_gan_detector" in result.files[0].reason
    assert not lying(course.root)


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (("Ada", "ada"), "only in capitals"),
        (("con", "NUL.x"), "cannot name a folder"),
        (("..bob", ".bob"), "begins with a dot"),
        (("bob.", "x:y"), "student's name"),
    ],
)
def test_names_that_are_no_folder(
    tmp_path: Path, course: ClassFolder, names: tuple[str, ...], wrong: str
) -> None:
    files = {f"{name}/{NB}.ipynb": notebook(name) for name in names}
    result = collect(zip_of(tmp_path / "c.zip", files), course, NB)
    refused = result.of("refused")
    assert refused
    assert any(wrong in file.reason for file in refused)
    assert len(lying(course.root)) == len(names) - len(refused)


def test_a_students_folder_that_is_a_link_is_not_followed(
    tmp_path: Path, course: ClassFolder
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    course.submitted.mkdir()
    (course.submitted / "ada").symlink_to(outside, target_is_directory=True)
    result = collect(folder_of(tmp_path / "c", {"ada.ipynb": notebook("a")}), course, NB)
    assert outcomes(result) == {"ada.ipynb": "refused"}
    assert not list(outside.iterdir())


def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(
    tmp_path: Path, course: ClassFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of(tmp_path / "c", {"ada.ipynb": notebook("a"), "bob.ipynb": notebook("b")})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("grader.files.os.replace", full)
        with pytest.raises(GraderError, match="No space left"):
            collect(source, course, NB)
    collect(source, course, NB)
    assert set(lying(course.root)) == {"ada", "bob"}


def test_what_cannot_be_a_source(tmp_path: Path, course: ClassFolder) -> None:
    (tmp_path / "empty").mkdir()
    for source, wrong in (
        (tmp_path / "none.zip", "does not exist"),
        (tmp_path / "empty", "holds no file"),
        (course.root, "where submissions are kept"),
    ):
        with pytest.raises(CollectError, match=wrong):
            collect(source, course, NB)
    with pytest.raises(Exception, match="nb9"):
        collect(tmp_path / "empty", course, "nb9")
    (course.root / "roster.json").write_text('[{"student": 3}]')
    with pytest.raises(GraderError, match=r"roster\.json cannot be read"):
        collect(folder_of(tmp_path / "c", {"ada.ipynb": notebook("a")}), course, NB)


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_name_ends_in_an_owner_or_none(name: str) -> None:
    stem, number = undecorated(name)
    assert len(stem) <= len(name)
    assert number >= 0
    for path in ((name,), (name, f"{NB}.ipynb"), ("Jane_1_assignsubmission_file_", name)):
        (owner,) = owners([path], NB)
        assert owner is None or why_no_student(slug(owner.name)) in ("", RESERVED)


def test_reading_fails_for_one_student_only(
    tmp_path: Path, course: ClassFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of(tmp_path / "c", {"ada.ipynb": notebook("a"), "bob.ipynb": notebook("b")})

    def broken(path: Path) -> bytes:
        if path.name == "bob.ipynb":
            raise SubmissionError("bob.ipynb cannot be read (Input/output error).")
        return path.read_bytes()

    monkeypatch.setattr("grader.archives.read_bytes", broken)
    assert outcomes(collect(source, course, NB)) == {"ada.ipynb": "taken", "bob.ipynb": "refused"}
