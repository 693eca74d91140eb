"""A class that nobody graded: reports made up from a seed, for tests and timing of the pages.

Titles, weights and words of the checks are made up too, so nothing of the hidden checks is here.
"""

import dataclasses

import numpy as np

from data_utils.course import Notebook, load_course
from data_utils.selfcheck.words import Finding
from grader.report import (
    EXCUSED,
    FAILED,
    GRADED,
    GRADER_ERROR,
    MISSING,
    NOT_GRADED,
    PASSED,
    UNGRADED,
    CheckResult,
    ExerciseResult,
    GradeReport,
    PastGrade,
    points_of,
)
from grader.results import Result
from grader.series import exam_series, training_series

NOTEBOOK = "nb1_autoencoder"
PROFILE = "embedded"
SCRIPT = "<script>alert(1)</script>"
TURNED = "abc\N{RIGHT-TO-LEFT OVERRIDE}fed"  # read as "abcdef" where the character is obeyed
EXAM_NORMALS, EXAM_ANOMALIES = 1800, 200
WRONG = Finding(
    "the mean over the pixels of each image: shape (17,)",
    "a single number: shape ()",
    "the mean ran over the batch axis as well as the pixels",
    "average over every axis except the first, then run this cell again",
)
HOSTILE = Finding(
    f"a number {SCRIPT}",
    "it raises ValueError: " + "x" * 5_000,
    f"\"quotes\", 'quotes' & {TURNED} </dd></style><img src=x onerror=alert(2)>",
    "</style><style>*{display:none}</style>",
)


def made_report(seed: int, share_wrong: float = 0.15, finding: Finding = WRONG) -> GradeReport:
    """Return the report of a student who fails about that share of the checks."""
    rng = np.random.default_rng(seed)
    notebook = load_course().notebook(NOTEBOOK)
    exercises = tuple(
        _exercise(exercise.id, exercise.function, exercise.points, rng, share_wrong, finding)
        for exercise in notebook.exercises
    )
    is_anomaly = np.arange(EXAM_NORMALS + EXAM_ANOMALIES) >= EXAM_NORMALS
    scores = rng.gamma(6, 0.05, len(is_anomaly)) + is_anomaly * rng.normal(0.13, 0.03)
    loss = 0.1 / np.sqrt(np.arange(1, 21)) + rng.normal(0, 0.001, 20)
    reached = float(np.mean(scores[is_anomaly][:, None] > scores[~is_anomaly]))
    facts = {"auroc_exam_9": reached, "auroc_refit_2": reached + 0.1, "auroc_refit_6": reached}
    facts |= {f"auroc_step_{n}": float(rng.uniform(0.7, 0.92)) for n in (1, 2, 3, 4)}
    return GradeReport(
        submission=f"{NOTEBOOK}.ipynb",
        notebook=NOTEBOOK,
        sha256=f"{seed:064x}",
        status=GRADED,
        reason="",
        profile=PROFILE,
        device="cpu",
        isolation="bwrap",
        exercises=exercises,
        facts={name: round(value, 4) for name, value in facts.items()},
        flags=(),
        cpu_seconds=round(float(rng.gamma(30, 2)), 2),
        wall_seconds=round(float(rng.gamma(30, 2.2)), 2),
        series={
            **exam_series(scores, is_anomaly),
            "loss": training_series(loss),
            "threshold": [round(float(np.quantile(scores[~is_anomaly], 0.95)), 4)],
        },
        graded_at=f"2026-03-{1 + seed % 28:02d}T09:30:00+00:00",
        made_from={"kit": "0.1.0", "checks": "0123456789abcdef"},
    )


def made_results(students: int) -> list[Result]:
    """Return a class of honest students, of whom some fail a few checks."""
    return [
        Result(f"student_{n:03d}", made_report(n, 0.3 * (n % 3) / 2), {"1.7": float(n % 5)})
        for n in range(students)
    ]


def troubled_results() -> list[Result]:
    """Return one student for each kind of trouble, and two without any."""
    good = made_report(1, 0.0)
    flags = (
        "AUROC 0.985 on the exam, where the solution reaches 0.747: did the detector see "
        "anomalies while it was trained?",
        "cell setup was changed; the original was run",
    )
    past = PastGrade(
        "2026-02-01T08:00:00+00:00", GRADED, 11.5, {"1.1": 1.0}, "the submission changed"
    )
    reports = {
        "ada": good,
        "Bj\N{LATIN SMALL LETTER O WITH DIAERESIS}rk O'Neil": made_report(2, 0.25),
        "cheng": dataclasses.replace(made_report(3, 0.1), history=(past,)),
        "dolores": dataclasses.replace(good, flags=flags),
        "emre": _without_points(NOT_GRADED, f"x.ipynb is empty {SCRIPT}. Save it again."),
        "fatima": _without_points(MISSING, f"{NOTEBOOK}.ipynb is missing: nothing was handed in."),
        "goran": _without_points(UNGRADED, "It is not graded yet. Run: python -m grader autograde"),
        "hanna": _stopped(made_report(4, 0.0)),
        "index": made_report(5, 0.2, HOSTILE),
        "jin & co": dataclasses.replace(
            made_report(6, 1.0), isolation="none", flags=("graded without a sandbox",), series={}
        ),
        "kofi": _without_points(NOT_GRADED, "The grader stopped, not the student's work: KeyError"),
    }  # fmt: skip
    by_hand = {"ada": 4.0, "cheng": None, "hanna": 2.0}
    return [
        Result(student, report, {"1.7": by_hand[student]} if student in by_hand else {})
        for student, report in reports.items()
    ]


def made_notebook() -> Notebook:
    """Return the notebook that the class worked on."""
    return load_course().notebook(NOTEBOOK)


def _exercise(
    exercise_id: str, function: str, points: int, rng: np.random.Generator, share: float,
    finding: Finding,
) -> ExerciseResult:  # fmt: skip
    checks = []
    for place in range(4):
        status = FAILED if rng.random() < share else PASSED
        checks += [
            CheckResult(
                f"test_secret_{function}_{place}[case{case}]",
                f"Question {place + 1} about {function}.",
                status,
                1,
                core=place == 0,
                finding=finding if status == FAILED else None,
            )
            for case in range(1 + place % 2)
        ]
    if share:
        checks.append(
            CheckResult("test_secret_late", "It fits what came before.", EXCUSED, 1, False, None,
                        "exercise 1.1 already lost points for this")
        )  # fmt: skip
    return ExerciseResult(exercise_id, function, points, points_of(tuple(checks), points),
                          tuple(checks))  # fmt: skip


def _stopped(report: GradeReport) -> GradeReport:
    """Return a report in whose first exercise the grader stopped in every check."""
    first = report.exercises[0]
    checks = tuple(
        dataclasses.replace(c, status=GRADER_ERROR, note="KeyError: secret_note")
        for c in first.checks
    )
    broken = dataclasses.replace(first, checks=checks, points=None)
    return dataclasses.replace(
        report,
        exercises=(broken, *report.exercises[1:]),
        flags=("the grader stopped in test_secret_x; no points were taken for that",),
    )


def _without_points(status: str, reason: str) -> GradeReport:
    return dataclasses.replace(
        made_report(0),
        status=status,
        reason=reason,
        exercises=(),
        facts={},
        series={},
        cpu_seconds=0.0,
        wall_seconds=0.0,
    )
