"""What stands on the class page and on the students' pages, and what must not."""

import base64
import dataclasses
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.made_class import (
    NOTEBOOK,
    SCRIPT,
    TURNED,
    made_notebook,
    made_report,
    made_results,
    troubled_results,
)
from data_utils.course_records import SETTINGS
from grader.checklog import CheckLog
from grader.classroom import ClassFolder
from grader.errors import GraderError
from grader.examination import Settings
from grader.grading import _flags
from grader.report import GRADER_ERROR, CheckResult, GradeReport
from grader.reports.attention import who_needs_a_look
from grader.reports.auroc_charts import auroc_charts
from grader.reports.charts import nice_step
from grader.reports.pages import page_name, write_pages
from grader.reports.student_page import student_page
from grader.rescoring import Rescoring, rescored, write_rescorings
from grader.results import Result
from grader.sandbox import Isolation
from grader.submissions import read_submission, released_notebook

NB = made_notebook()
VOID = {"meta", "link", "br", "img", "input", "hr", "path"}


class Page(HTMLParser):
    """A page taken apart: its tags in order, its text, its style, and who stands in whom."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.style = ""
        self.unclosed: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.unclosed and self.unclosed[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pages(tmp_path: Path, results: list[Result]) -> dict[str, Page]:
    """Write the pages of a class and return them by file name."""
    return {path.name: Page(path) for path in write_pages(ClassFolder(tmp_path), NB, results)}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    return pages(tmp_path_factory.mktemp("Summer"), troubled_results())


def result(report: GradeReport, student: str = "ada") -> Result:
    return Result(student, report, {})


# ---------------------------------------------------------------- safe


def test_nothing_runs_and_nothing_is_fetched(troubled: dict[str, Page]) -> None:
    for page in troubled.values():
        assert not {tag for tag, _ in page.tags} & {"script", "iframe", "img", "object", "form"}
        assert page.unclosed == []
        for _, attributes in page.tags:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            addresses = [attributes[name] for name in ("src", "href") if name in attributes]
            assert all(address.startswith(("./", "data:,")) for address in addresses)


def test_the_policy_lets_in_this_style_and_nothing_else(troubled: dict[str, Page]) -> None:
    for page in troubled.values():
        digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
        policies = [m["content"] for m in page.attributes("meta") if "http-equiv" in m]
        assert policies == [
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
            "base-uri 'none'; form-action 'none'"
        ]
        assert len(page.attributes("style")) == 1
        assert page.source.index("Content-Security-Policy") < page.source.index("<style")


def test_an_attack_in_a_message_comes_out_as_text(troubled: dict[str, Page]) -> None:
    page = troubled["index_.html"]
    assert SCRIPT in page.text
    assert "</style><style>*{display:none}</style>" in page.text
    assert "\"quotes\", 'quotes' & abc\\u202efed" in page.text
    assert TURNED not in page.source
    assert "x" * 5_000 in page.text
    assert (
        "x.ipynb is empty <script>alert(1)</script>. Save it again." in troubled["emre.html"].text
    )


def test_an_attack_in_a_name_comes_out_as_text(tmp_path: Path) -> None:
    # No seat has such a name (classroom.why_no_name); the page does not rely on that.
    name = "<b onclick='x'>&\"y\"\N{RIGHT-TO-LEFT OVERRIDE} javascript:alert(1)"
    class_page, page = pages(tmp_path, [result(made_report(1, 0.5), name)]).values()
    shown = name.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "\\u202e")
    assert shown in page.text
    assert class_page.text.count(shown) >= 1
    assert "b" not in {tag for tag, _ in class_page.tags}
    for link in class_page.attributes("a"):
        assert link["href"].startswith("./%3Cb")


@pytest.mark.parametrize(
    ("broken", "shown"),
    [("\ud800", "\\ud800"), ("\0", "\\u0000"), ("a\x1b[2J", "a\\u001b[2J"), ("\x85", "\\u0085")],
)
def test_characters_that_no_file_can_hold_are_shown_as_codes(
    tmp_path: Path, broken: str, shown: str
) -> None:
    report = dataclasses.replace(made_report(1), status="failed", reason=f"<{broken}>")
    for page in pages(tmp_path, [result(report)]).values():
        assert f"<{shown}>" in page.text


# ---------------------------------------------------------------- what stands on a student's page


def test_a_students_page_hides_nothing_that_it_should_and_tells_no_secret(
    troubled: dict[str, Page],
) -> None:
    students = [r.student for r in troubled_results()]
    for student in students:
        page = troubled[page_name(student)]
        others = [name for name in students if name not in (student, "index")]
        assert not [name for name in others if re.search(rf"\b{re.escape(name)}\b", page.text)]
        assert page.attributes("a") == []
        for secret in ("test_", "secret", "KeyError", "python -m grader", "did the detector see",
                       "sandbox", "index.html", "01234567"):  # fmt: skip
            assert secret not in page.source, (student, secret)


def test_a_student_reads_what_was_asked_what_was_wrong_and_what_to_try(tmp_path: Path) -> None:
    report = made_report(2, 0.25)
    page = pages(tmp_path, [result(report)])["ada.html"]
    assert f"{report.points:g} of 26 points; up to 4 more are given by hand." in page.text
    for exercise in report.exercises:
        for check in exercise.checks:
            assert check.title in page.text
        for finding in exercise.findings:
            for words in (finding.expected, finding.got, finding.why, finding.advice):
                assert words in page.text
    assert "failed on 2 of 2 inputs" not in page.text
    assert "passed on 2 inputs" in page.text
    assert "not counted" in page.text
    assert "exercise 1.1 already lost points for this" in page.text
    assert "1.7 Would you switch it on? waits" in page.text


def test_one_of_several_inputs_that_failed_is_counted(tmp_path: Path) -> None:
    report = made_report(1, 0.0)
    first = report.exercises[0]
    checks = [dataclasses.replace(c, title="The same question.") for c in first.checks]
    checks[0] = dataclasses.replace(checks[0], status="failed")
    exercises = (dataclasses.replace(first, checks=tuple(checks)), *report.exercises[1:])
    page = pages(tmp_path, [result(dataclasses.replace(report, exercises=exercises))])["ada.html"]
    assert page.text.count("The same question.") == 1
    assert f"failed on 1 of {len(checks)} inputs" in page.text


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ("emre", "failed: no points could be given. This is not a zero."),
        ("fatima", "missing: no points could be given. This is not a zero."),
        ("goran", "ungraded: no points could be given. This is not a zero."),
        ("hanna", "ungraded: not every exercise could be judged. This is not a zero."),
        ("kofi", "The grader stopped, not your answer."),
    ],
)
def test_a_word_in_the_place_of_points_is_no_zero(
    troubled: dict[str, Page], student: str, words: str
) -> None:
    text = troubled[page_name(student)].text
    assert words in text
    assert not re.search(r"(^|\s)0 of (?!4)\d+ points", text)


def test_suspicion_is_not_on_the_students_page_but_a_cell_put_back_is(
    troubled: dict[str, Page],
) -> None:
    text = troubled["dolores.html"].text
    assert "cell setup was changed; the original was run" in text
    assert "0.985" not in text


def test_a_students_page_tells_earlier_grades(troubled: dict[str, Page]) -> None:
    assert "2026-02-01 08:00 UTC 11.5 the submission changed" in troubled["cheng.html"].text


def test_a_question_graded_by_hand_counts_or_waits(troubled: dict[str, Page]) -> None:
    assert "30 of 30 points, those given by hand among them." in troubled["ada.html"].text
    assert "Waits to be graded by hand: up to 4 points." in troubled["cheng.html"].text


def test_the_auroc_stands_beside_its_floor(tmp_path: Path) -> None:
    floor = NB.floor("embedded", "cpu", 9)
    assert floor is not None
    assert floor.auroc is not None
    for reached, side in ((floor.auroc + 0.01, "above"), (floor.auroc - 0.01, "below")):
        report = dataclasses.replace(made_report(1), facts={"auroc_exam_9": reached})
        page = pages(tmp_path, [result(report)])["ada.html"]
        assert f"AUROC {reached:.3f} on the exam images" in page.text
        assert f"{side} the floor of {floor.auroc:.3f}" in page.text
        assert "with digit 9 left out" in page.text


def test_a_notebook_of_one_normal_digit_is_told_in_its_own_words(tmp_path: Path) -> None:
    other = dataclasses.replace(NB, setting=SETTINGS["one-vs-rest"])
    student = result(made_report(1))
    own = student_page(student, other, {}).detector.beside_floor
    assert "with digit 9 normal" in own
    assert [chart.title.split(" (")[0] for chart in auroc_charts([student.report], other)] == [
        "The notebook's detector, digit 9 normal",
        "Fitted again, digit 2 normal",
        "Fitted again, digit 6 normal",
    ]


# ---------------------------------------------------------------- charts


def test_a_students_charts_say_their_numbers(tmp_path: Path) -> None:
    report = made_report(1)
    page = pages(tmp_path, [result(report)])["ada.html"]
    said = [svg["aria-label"] for svg in page.attributes("svg") if svg.get("role") == "img"]
    assert len(said) == 3
    assert "above the threshold: about 5%" in said[0]  # of the normal images, as it was chosen
    assert f"AUROC {report.facts['auroc_exam_9']:.3f}" in said[1]
    losses = report.series["loss"]
    assert f"lowest, number {1 + losses.index(min(losses))} of {len(losses)}" in said[2]


@pytest.mark.parametrize(
    "series",
    [
        {},
        {"loss": [0.1]},
        {"loss": [0.1, float("nan")]},
        {"score_edges": [0, 1], "score_normal": [0], "score_anomaly": [3]},
        {"score_edges": [0, 1, 2], "score_normal": [1], "score_anomaly": [1]},
        {"score_edges": [1, 1], "score_normal": [1], "score_anomaly": [1]},
        {"roc_fpr": [0, 1], "roc_tpr": [0]},
    ],
)
def test_series_that_cannot_be_drawn_leave_no_chart(
    tmp_path: Path, series: dict[str, list[float]]
) -> None:
    report = dataclasses.replace(made_report(1), series=series, facts={})
    page = pages(tmp_path, [result(report)])["ada.html"]
    assert page.attributes("figure") == []
    assert "There is no picture of your detector" in page.text


@pytest.mark.parametrize("threshold", [1e30, -5.0])
def test_a_threshold_far_away_is_said_not_drawn(tmp_path: Path, threshold: float) -> None:
    report = made_report(1)
    series = {**report.series, "threshold": [threshold]}
    page = pages(tmp_path, [result(dataclasses.replace(report, series=series))])["ada.html"]
    label = next(svg["aria-label"] for svg in page.attributes("svg") if svg.get("role") == "img")
    assert "It lies outside the picture." in label
    assert [p for p in page.attributes("path") if p.get("class") == "threshold"] == []


def test_charts_stay_in_their_frame(troubled: dict[str, Page]) -> None:
    drawn = 0
    for page in troubled.values():
        for path in page.attributes("path"):
            for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path["d"]):
                assert 0 <= float(x) <= 360
                assert 0 <= float(y) <= 246
                drawn += 1
    assert drawn > 500


@pytest.mark.parametrize(("span", "parts", "step"), [(26, 15, 2), (1, 5, 0.2), (0.07, 5, 0.02)])
def test_axes_have_round_steps(span: float, parts: int, step: float) -> None:
    assert nice_step(span, parts) == step


# ---------------------------------------------------------------- the class page


def test_the_class_page_counts_and_names_everybody(troubled: dict[str, Page]) -> None:
    page = troubled["index.html"]
    assert "11 students: 6 graded, 2 failed, 1 missing, 2 ungraded." in page.text
    links = {link["href"] for link in page.attributes("a")}
    assert links == {
        "./ada.html", "./Bj%C3%B6rk%20O%27Neil.html", "./cheng.html", "./dolores.html",
        "./emre.html", "./fatima.html", "./goran.html", "./hanna.html", "./index_.html",
        "./jin%20%26%20co.html", "./kofi.html",
    }  # fmt: skip


def test_words_stand_where_points_would(troubled: dict[str, Page]) -> None:
    text = troubled["index.html"].text
    table = text[text.index("Everybody") :]
    for line in ("emre failed yes", "fatima missing yes", "goran ungraded yes", "kofi failed yes"):
        assert line in table
    assert re.search(r"hanna - 3 3 3 8 5 2 ungraded yes", table)
    assert re.search(r"ada 4 3 3 3 8 5 26 4 30 Bj", table)
    assert re.search(r"cheng .* waits waits dolores", table)


def test_everybody_who_needs_a_look_is_named_with_the_reason() -> None:
    groups = {group.title: dict(group.students) for group in who_needs_a_look(
        troubled_results(), NB)}  # fmt: skip
    assert "did the detector see" in groups["Too good to be true"]["dolores"]
    assert groups["Given cells changed"] == {
        "dolores": "cell setup was changed; the original was run"
    }
    assert "KeyError: secret_note" in groups["The grader stopped"]["hanna"]
    assert set(groups["The grader stopped"]) == {"hanna", "kofi"}
    assert set(groups["Failed"]) == {"emre"}
    assert set(groups["Missing"]) == {"fatima"}
    assert set(groups["Ungraded"]) == {"goran"}
    assert groups["Without a sandbox"] == {"jin & co": "graded without a sandbox"}
    named = {student for group in groups.values() for student in group}
    assert named == {r.student for r in troubled_results() if r.report.needs_a_look}


def test_flags_are_sorted_as_the_grader_writes_them(tmp_path: Path) -> None:
    log = CheckLog()
    log.facts["auroc_exam_9"] = 0.99
    log.results["1.1"] = [CheckResult("test_x", "A question.", GRADER_ERROR, 1, False)]
    flags = _flags(NB, Settings("embedded", isolation=Isolation.NONE), log)
    path = tmp_path / "x.ipynb"
    shipped = released_notebook(NOTEBOOK).read_text(encoding="utf-8")
    path.write_text(shipped.replace("import keras", "import keras  # mine"), encoding="utf-8")
    flags += (*read_submission(path).remarks, "something new")
    report = dataclasses.replace(made_report(1, 0.0), flags=flags)
    groups = {g.title: g.students for g in who_needs_a_look([result(report)], NB)}
    assert set(groups) == {"Too good to be true", "Given cells changed", "Without a sandbox",
                           "Other remarks"}  # fmt: skip
    assert groups["Other remarks"] == (("ada", "something new"),)


def test_the_hardest_check_comes_first_with_its_share_and_reason(tmp_path: Path) -> None:
    wrong = made_report(1, 1.0)
    easy = made_report(2, 0.0)
    text = pages(tmp_path, [result(wrong, "a"), result(easy, "b")])["index.html"].text
    hardest = text[text.index("Hardest checks") :]
    finding = wrong.exercises[0].findings[0]
    assert f"Most were told: {finding.why} 50% 1 of 2" in hardest
    assert "It fits what came before" not in hardest[: hardest.index("AUROC on the exam")]


def test_points_by_exercise_are_of_those_who_were_judged(troubled: dict[str, Page]) -> None:
    graded = [r.report for r in troubled_results() if r.report.exercises]
    first = [e.points for r in graded for e in r.exercises[:1] if e.points is not None]
    full = sum(points == 4 for points in first) / len(first)
    row = re.search(
        r"1\.1 Leave one digit out 4 ([\d.]+) \S+ (\d+%) (\d+%) (\d+)", troubled["index.html"].text
    )
    assert row is not None
    assert row.groups() == (
        f"{sum(first) / len(first):.2f}", f"{full:.0%}",
        f"{first.count(0.0) / len(first):.0%}", str(len(first)),
    )  # fmt: skip
    assert len(first) == len(graded) - 1  # in one the grader stopped


def test_a_changed_worth_stands_on_both_pages_with_its_reason(tmp_path: Path) -> None:
    report = made_report(1, 0.0)
    name = report.exercises[1].checks[0].name.split("[")[0]
    reason = "the text <b>was</b> unclear"
    decisions = {
        "1.1": Rescoring("1.1", 2, (), reason, ""),
        "1.2": Rescoring("1.2", None, (name,), "unfair", ""),
    }
    write_rescorings(ClassFolder(tmp_path).reports, decisions)
    class_page, page = pages(tmp_path, [result(rescored(report, decisions))]).values()
    assert f"worth 2 instead of 4. Why: {reason}" in class_page.text
    assert f"does not count: {report.exercises[1].checks[0].title}. Why: unfair" in class_page.text
    assert "of 24" in class_page.text
    assert f"It is worth 2 points now; before it was 4. Why: {reason}" in page.text
    assert "24 of 24 points" in page.text
    assert name not in page.text
    assert "does not count: unfair" in page.text


def test_memory_is_shown_where_it_was_measured(tmp_path: Path) -> None:
    report = made_report(1)
    assert "Memory" not in pages(tmp_path, [result(report)])["index.html"].text.replace(
        "Time and memory", "")  # fmt: skip
    measured = dataclasses.replace(report, facts={**report.facts, "memory_mb": 812.0})
    text = pages(tmp_path, [result(measured)])["index.html"].text
    assert "Memory median 812.0 MB. Most: ada 812.0." in text


def test_a_class_without_any_grade_has_a_page(tmp_path: Path) -> None:
    ungraded = [r for r in troubled_results() if r.student == "goran"]
    text = pages(tmp_path, ungraded)["index.html"].text
    assert "Nobody has points yet." in text
    assert "nan" not in text


# ---------------------------------------------------------------- files


def test_pages_of_students_who_left_go_and_other_files_stay(tmp_path: Path) -> None:
    pages(tmp_path, made_results(3))
    folder = tmp_path / "pages" / NOTEBOOK
    (folder / "notes.html").write_text("<p>my own notes</p>")
    (folder / "link.html").symlink_to(folder / "student_001.html")
    pages(tmp_path, made_results(1))
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html", "link.html", "notes.html", "student_000.html",
    ]  # fmt: skip


def test_names_never_take_each_others_file() -> None:
    names = ["index", "index_", "INDEX", "ada", "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 84,
             "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 83]  # fmt: skip
    files = [page_name(name) for name in names]
    assert len({name.casefold() for name in files}) == len(names) - 1  # index and INDEX
    assert "index.html" not in [name.casefold() for name in files]
    assert all(len(name.encode()) <= 255 for name in files)


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("a file")
    with pytest.raises(GraderError, match="could not be written"):
        write_pages(ClassFolder(tmp_path), NB, made_results(1))


def test_the_trusted_process_does_not_load_templates_before_it_needs_them() -> None:
    code = "import sys, grader.reports; print({'jinja2', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
