"""Whatever is handed in: cells in the right order, or one sentence."""

import contextlib
import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.classroom import Seat, list_seats, require_submission
from grader.errors import GraderError, SubmissionError
from grader.submissions import MAX_BYTES, read_submission, released_notebook

NB = "nb1_autoencoder"


@pytest.fixture
def release() -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(released_notebook(NB).read_text())
    return tree


def save(tmp_path: Path, tree: Any, name: str = f"{NB}.ipynb") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps(tree))
    return path


def cell_named(tree: dict[str, Any], name: str) -> dict[str, Any]:
    return next(
        c for c in tree["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name
    )


def added(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "id": "x" * 8}


def test_the_release_itself_can_be_read(tmp_path: Path, release: dict[str, Any]) -> None:
    submission = read_submission(save(tmp_path, release))
    assert submission.notebook.id == NB
    assert submission.remarks == ()
    assert [c.name for c in submission.cells if c.role == "answer"] == [
        *(f"answer_ex1_{n}" for n in range(1, 7)),
        "optional_gradient_scores",
    ]
    assert {c.name for c in submission.cells if not c.in_run} >= {"ex1_1", "given_demo_digit_0"}


def test_given_cells_are_put_back_and_answers_are_not_touched(
    tmp_path: Path, release: dict[str, Any]
) -> None:
    original = cell_named(release, "given_constants")["source"]
    cell_named(release, "given_constants")["source"] = ["ANOMALY_DIGIT = 0\n"]
    cell_named(release, "answer_ex1_3")["source"] = ["def choose_threshold(s, f): return 1\n"]
    release["cells"].remove(cell_named(release, "given_detector_class"))
    submission = read_submission(save(tmp_path, release))
    cells = {c.name: c.source for c in submission.cells}
    assert cells["given_constants"] == "".join(original)
    assert cells["answer_ex1_3"] == "def choose_threshold(s, f): return 1\n"
    assert "AutoencoderDetector" in cells["given_detector_class"]
    assert any("given_constants was changed" in r for r in submission.remarks)
    assert any("given_detector_class was missing" in r for r in submission.remarks)


def test_the_masters_order_wins_and_added_cells_keep_their_place(
    tmp_path: Path, release: dict[str, Any]
) -> None:
    place = release["cells"].index(cell_named(release, "answer_ex1_2"))
    release["cells"].insert(place + 1, added("helper = 3"))
    release["cells"].reverse()
    names = [c.name for c in read_submission(save(tmp_path, release)).cells]
    assert names[0] == "given_setup"
    assert names.index("answer_ex1_1") < names.index("answer_ex1_2")
    release["cells"].reverse()
    cells = read_submission(save(tmp_path, release)).cells
    place = [c.name for c in cells].index("answer_ex1_2")
    assert (cells[place + 1].source, cells[place + 1].role) == ("helper = 3", "added")


def test_a_copied_answer_cell_runs_after_the_first(tmp_path: Path, release: dict[str, Any]) -> None:
    again = copy.deepcopy(cell_named(release, "answer_ex1_3"))
    again["source"] = ["later = 1\n"]
    release["cells"].append(again)
    cells = read_submission(save(tmp_path, release)).cells
    both = [c.source for c in cells if c.name == "answer_ex1_3"]
    assert len(both) == 2
    assert both[1] == "later = 1\n"


def test_colab_may_drop_the_kits_own_metadata(tmp_path: Path, release: dict[str, Any]) -> None:
    release["metadata"] = {"colab": {"provenance": []}}
    assert read_submission(save(tmp_path, release)).notebook.id == NB


BAD: list[tuple[bytes, str]] = [
    (b"", "is empty"),
    (b"hello", "not JSON"),
    (b"\xff\xfe{}", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[]", "format 4"),
    (b'{"nbformat": 3}', "format 4"),
    (b'{"nbformat": true}', "format 4"),
    (b'{"nbformat": 4}', "no list"),
    (b'{"nbformat": 4, "cells": {}}', "no list"),
    (b'{"nbformat": 4, "cells": [1]}', "damaged"),
    (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}]}', "damaged"),
    (b'{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": []}]}', "damaged"),
    (b'{"nbformat": 4, "cells": []}', "another notebook"),
    (b'{"nbformat": 4, "metadata": {"anomaly_course": {"notebook": "nb1_autoencoder"}},'
     b' "cells": []}', "holds no exercise"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "words"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_a_bad_file_is_one_sentence(tmp_path: Path, raw: bytes, words: str) -> None:
    path = tmp_path / f"{NB}.ipynb"
    path.write_bytes(raw)
    with pytest.raises(SubmissionError, match=words) as caught:
        read_submission(path)
    assert "\n" not in str(caught.value)


def test_links_folders_pipes_and_giants_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "link.ipynb"
    link.symlink_to(released_notebook(NB))
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    with (tmp_path / "giant.ipynb").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    for name, words in (
        ("link", "is a link"),
        ("pipe", "not a file"),
        ("folder", "not a file"),
        ("giant", "20 MB are"),
        ("nothing", "no such file"),
    ):
        with pytest.raises(SubmissionError, match=words):
            read_submission(tmp_path / f"{name}.ipynb")


def test_another_notebook_than_was_asked_for_is_refused(
    tmp_path: Path, release: dict[str, Any]
) -> None:
    with pytest.raises(SubmissionError, match="was to be handed in"):
        read_submission(save(tmp_path, release), expected="nb2_gan_detector")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "metadata",
                    "nbformat",
                    "source",
                    "cell_type",
                    "nbgrader",
                    "grade_id",
                    "tags",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(tree=json_values, cells=st.lists(json_values, max_size=4))
def test_no_json_makes_the_reader_crash(
    tmp_path_factory: pytest.TempPathFactory, tree: Any, cells: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    release = json.loads(released_notebook(NB).read_text())
    release["cells"] += cells
    release["metadata"] = tree
    for document in (tree, {"nbformat": 4, "cells": cells, "metadata": tree}, release):
        with contextlib.suppress(SubmissionError):  # any other exception fails the test
            read_submission(save(folder, document))


def test_a_renamed_and_a_missing_notebook_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "ada" / NB).mkdir(parents=True)
    (tmp_path / "ada" / NB / "final (2).ipynb").write_text("{}")
    (tmp_path / "bob").mkdir()
    ada, bob = list_seats(tmp_path, NB)
    with pytest.raises(SubmissionError, match=r"final \(2\).ipynb'. Rename"):
        require_submission(ada)
    with pytest.raises(SubmissionError, match="nothing was handed in"):
        require_submission(bob)
    assert ada == Seat("ada", tmp_path / "ada" / NB / f"{NB}.ipynb")


def test_a_linked_folder_is_not_the_students_own(tmp_path: Path) -> None:
    (tmp_path / "ada" / NB).mkdir(parents=True)
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / NB).symlink_to(tmp_path / "ada" / NB)
    with pytest.raises(SubmissionError, match="is a link"):
        require_submission(list_seats(tmp_path, NB)[1])


def test_an_empty_class_is_an_error_that_shows_the_layout(tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="STUDENT/nb1_autoencoder"):
        list_seats(tmp_path, NB)
    with pytest.raises(GraderError, match="not a folder"):
        list_seats(tmp_path / "nowhere", NB)
