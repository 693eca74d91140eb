"""Archives made to do harm: each ends in sentences, writes nothing outside, and stays small."""

import contextlib
import io
import os
import resource
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader import archives
from grader.archives import open_source, why_no_path
from grader.classroom import ClassFolder
from grader.collect import collect
from grader.errors import CollectError, GraderError
from grader.submissions import MAX_BYTES, released_notebook

NB = "nb1_autoencoder"
RELEASED = released_notebook(NB).read_bytes()
GOOD = f"doejane_1_2_{NB}.ipynb"


@pytest.fixture
def course(tmp_path: Path) -> ClassFolder:
    root = tmp_path / "course"
    root.mkdir()
    return ClassFolder(root)


def files_below(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def member(name: str, *, mode: int = 0, system: int = 3) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = system
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def refusals(source: Path, course: ClassFolder) -> dict[str, str]:
    """Collect, check that the one good file was taken and nothing else, return the refusals."""
    before = files_below(source.parent)
    result = collect(source, course, NB)
    good = {
        "course/roster.json",
        f"course/submitted/doejane-1/{NB}/{NB}.ipynb",
    }
    assert files_below(source.parent) - before == good
    assert [file.file for file in result.of("taken")] == [GOOD]
    return {file.file: file.reason for file in result.of("refused")}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"/etc/doe_3_4_{NB}.ipynb", "absolute path"),
        (f"../../doe_3_4_{NB}.ipynb", "leads out"),
        (f"a/../../doe_3_4_{NB}.ipynb", "leads out"),
        (f"..\\doe_3_4_{NB}.ipynb", "backslash"),
        (f"C:/doe_3_4_{NB}.ipynb", "absolute path"),
        (f"C:doe_3_4_{NB}.ipynb", "absolute path"),
        (f"doe_3_4_{NB}.ipynb\x1b[2J.ipynb", "cannot be printed"),
        ("doe_3_4_\u202ebnypi.ipynb", "cannot be printed"),
        ("x" * 1001 + ".ipynb", "longer than"),
    ],
)
def test_names_that_lead_elsewhere(
    tmp_path: Path, course: ClassFolder, name: str, reason: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr(member(name), RELEASED)
    ((shown, why),) = refusals(tmp_path / "a.zip", course).items()
    assert reason in why
    assert shown.isprintable()


def test_links_devices_passwords_and_strange_packing(tmp_path: Path, course: ClassFolder) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr(member("l_3_4_link.ipynb", mode=stat.S_IFLNK | 0o777), "/etc/passwd")
        # Made on Windows, says the header; whoever unpacks it may still make a link of it.
        archive.writestr(
            member("l_3_5_link.ipynb", mode=stat.S_IFLNK | 0o777, system=0), "/etc/passwd"
        )
        archive.writestr(member("d_3_6_device.ipynb", mode=stat.S_IFCHR | 0o666), "")
        lzma = member("z_3_7_lzma.ipynb")
        lzma.compress_type = zipfile.ZIP_LZMA
        archive.writestr(lzma, RELEASED)
        archive.writestr(member("p_3_8_secret.ipynb"), RELEASED)
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = raw.rfind(signature)
        raw[place + offset] |= archives.ENCRYPTED
    path.write_bytes(raw)
    found = refusals(path, course)
    assert len(found) == 5
    for name, word in (("link", "link"), ("device", "plain file"), ("lzma", "packed in a way")):
        assert all(word in why for shown, why in found.items() if name in shown)
    assert "encrypted" in found["p_3_8_secret.ipynb"]


def test_a_bomb_is_read_to_its_limit_only(tmp_path: Path, course: ClassFolder) -> None:
    zeros = bytes(MAX_BYTES * 4)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr("honest_3_4_bomb.ipynb", zeros)
        archive.writestr("liar_3_5_bomb.ipynb", zeros)
        archive.writestr("quine_3_6_42.zip", zeros)
    del zeros
    raw = bytearray(path.read_bytes())
    place = raw.find(b"PK\x01\x02", raw.find(b"PK\x01\x02", raw.find(b"PK\x01\x02") + 1) + 1)
    assert b"liar" in raw[place : place + 80]
    raw[place + 24 : place + 28] = struct.pack("<I", 1000)  # the size that its header claims
    path.write_bytes(raw)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = refusals(path, course)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown < 100_000  # kB
    assert "more than 20 MB" in found["honest_3_4_bomb.ipynb"]
    assert "damaged" in found["liar_3_5_bomb.ipynb"]
    assert "archive" in found["quine_3_6_42.zip"]


def test_all_files_together_have_a_limit(
    tmp_path: Path, course: ClassFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", len(RELEASED))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr(member(f"roe_3_4_{NB}.ipynb"), RELEASED)
    assert "more than" in refusals(tmp_path / "a.zip", course)[f"roe_3_4_{NB}.ipynb"]


def test_members_that_share_bytes(tmp_path: Path, course: ClassFolder) -> None:
    """As in the bombs that point many names at one block of data."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr(member("one_3_4_n.ipynb"), RELEASED)
        archive.writestr(member("two_3_5_n.ipynb"), RELEASED)
        first, last = archive.filelist[1], archive.filelist[2]
        last.header_offset = first.header_offset
        archive._didModify = True  # type: ignore[attr-defined]
    found = refusals(path, course)
    assert set(found) == {"one_3_4_n.ipynb", "two_3_5_n.ipynb"}
    assert all("shares bytes" in why for why in found.values())


def test_two_headers_that_name_different_files(tmp_path: Path, course: ClassFolder) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr(member("roe_3_4_n.ipynb"), RELEASED)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"roe_3_4_n.ipynb", b"eve_9_9_n.ipynb", 1))
    assert "damaged" in refusals(path, course)["roe_3_4_n.ipynb"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(tmp_path: Path, course: ClassFolder) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member(GOOD), RELEASED)
        archive.writestr(member("roe_3_4_n.ipynb"), RELEASED)
        archive.writestr(member("roe_3_4_n.ipynb"), b"{}")
    result = collect(tmp_path / "a.zip", course, NB)
    twice = [file for file in result.files if file.file == "roe_3_4_n.ipynb"]
    assert [file.outcome for file in twice] == ["refused", "refused"]
    assert "2 times" in twice[0].reason


@pytest.mark.parametrize("marked", [True, False])
def test_names_in_other_letters(tmp_path: Path, course: ClassFolder, marked: bool) -> None:
    """Some programs write UTF-8 and do not say so; then Python reads it as the letters of DOS."""
    name = f"Zoë Müller_7_assignsubmission_file_/{NB}.ipynb"
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member(name), RELEASED)
    raw = bytearray(path.read_bytes())
    if not marked:
        for signature, offset in ((b"PK\x01\x02", 9), (b"PK\x03\x04", 7)):
            raw[raw.find(signature) + offset] &= ~(archives.UTF8_NAME >> 8) & 0xFF
    path.write_bytes(raw)
    result = collect(path, course, NB)
    assert [file.student for file in result.of("taken")] == ["zoë-müller"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member(name), RELEASED)
    path.write_bytes(path.read_bytes().replace("ü".encode(), b"\xfc\x62"))
    with pytest.raises(CollectError, match="is not a zip that can be read"):
        collect(path, course, NB)


def test_an_archive_cut_off_at_any_place(tmp_path: Path, course: ClassFolder) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member(GOOD), RELEASED)
    whole = path.read_bytes()
    for length in (0, 1, 22, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CollectError, match="Download it again"):
            collect(path, course, NB)
    path.write_bytes(b"<html>Please log in</html>")
    with pytest.raises(CollectError, match="is not a zip"):
        collect(path, course, NB)


def test_a_zip_for_large_files_is_read(tmp_path: Path, course: ClassFolder) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(member(GOOD), "w", force_zip64=True) as file,
    ):
        file.write(RELEASED)
    assert refusals(tmp_path / "a.zip", course) == {}


def test_more_files_than_any_class_has(
    tmp_path: Path, course: ClassFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 100)  # writing 100,000 takes seconds
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(archives.MAX_ENTRIES + 1):
            archive.writestr(f"{number}", b"")
    with pytest.raises(CollectError, match="at most 100 are read"):
        collect(path, course, NB)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "class")
    with pytest.raises(CollectError, match="more than 100 files"):
        collect(tmp_path / "class", course, NB)


def test_a_folder_with_links_and_pipes(tmp_path: Path, course: ClassFolder) -> None:
    source = tmp_path / "class"
    (source / "ada").mkdir(parents=True)
    (source / "bob").mkdir()
    (tmp_path / "secret.ipynb").write_bytes(RELEASED)
    (source / "ada" / f"{NB}.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (source / "linked").symlink_to(tmp_path)
    os.mkfifo(source / "bob" / f"{NB}.ipynb")
    result = collect(source, course, NB)
    why = {file.file: file.reason for file in result.files}
    assert {file.outcome for file in result.files} == {"refused"}
    assert "is a link" in why[f"ada/{NB}.ipynb"]
    assert "is a link" in why["linked"]
    assert "is not a file" in why[f"bob/{NB}.ipynb"]
    assert not course.submitted.exists()


def test_a_name_that_is_no_text(tmp_path: Path, course: ClassFolder) -> None:
    source = tmp_path / "class"
    source.mkdir()
    with contextlib.suppress(OSError):
        (source / os.fsdecode(b"caf\xe9.ipynb")).write_bytes(RELEASED)
        (file,) = collect(source, course, NB).files
        assert (file.outcome, file.file.isprintable()) == ("refused", True)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_archive_ends_in_a_sentence(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member(GOOD), b'{"nbformat": 4}' * 9)
        archive.writestr(member("Jane_1_assignsubmission_file_/a.ipynb"), b"{}" * 50)
    raw = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "a.zip"
    path.write_bytes(raw)
    (folder / "course").mkdir()
    with contextlib.suppress(GraderError):
        collect(path, ClassFolder(folder / "course"), NB)
    assert files_below(folder) <= {"a.zip", "course/roster.json"}


@given(st.text(max_size=30))
def test_no_name_that_is_allowed_leaves_its_folder(name: str) -> None:
    if not why_no_path(name):
        inside = os.path.normpath(os.path.join("/base", name))
        assert inside == "/base" or inside.startswith("/base/")


def test_a_source_is_closed_again(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"")
    with open_source(tmp_path / "a.zip") as entries:
        (entry,) = entries
    with pytest.raises(GraderError, match="damaged"):
        entry.read()
