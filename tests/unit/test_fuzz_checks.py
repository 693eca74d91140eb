"""Every hidden check meets odd values, and ends in a pass or in a finding, never in an exception.

The checks run in this process, on the solution's own functions: what these return is recorded once,
then one kind of reply after the other is replaced, by values of no use and by the right one with
something changed. All of it passes the gate, as in the grader.
"""

import contextlib
import inspect
import io
import os
import random
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_utils.course import load_course
from data_utils.selfcheck.words import Found
from grader.checklog import Excused
from grader.grading import HIDDEN, hidden_checks
from grader.hidden import refits
from grader.judging.secret import read_secret
from grader.submissions import read_submission, solved_notebook
from tests.in_process import InProcess, Key, solution_names
from tests.odd_values import changed, crossed, odd_values

pytestmark = pytest.mark.slow  # imports torch, and runs each check about a hundred times

NOTEBOOKS = [notebook.id for notebook in load_course().notebooks]
SECONDS = 0.4  # of one check and one kind of reply; a dear check meets a draw of the values
FEWEST = 30  # values, however dear the check is
CHANGED = 40  # right values with something changed, drawn from up to some hundred
ODD = {name: crossed(value) for name, value in odd_values().items()}


class Items:
    """Keeps what pytest collects."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.found = list(session.items)


def collected(notebook_id: str) -> list[Any]:
    """Return the hidden checks of a notebook, of a parametrised one the first."""
    items = Items()
    options = ["-c", os.devnull, "-q", "--collect-only", "--assert=plain", "-p", "no:cacheprovider"]
    folder = [f"--rootdir={HIDDEN}", f"--confcutdir={HIDDEN}"]
    with contextlib.redirect_stdout(io.StringIO()):
        files = map(str, hidden_checks(load_course().notebook(notebook_id)))
        pytest.main([*files, *folder, *options], plugins=[items])
    return list({item.obj: item for item in reversed(items.found)}.values())[::-1]


class Fuzz:
    """Runs the hidden checks of one notebook again and again.

    Attributes
    ----------
    plan : dict
        Value that replaces every reply of a key, by the key.
    counts : Counter
        How often each key was asked for in the last run.
    """

    def __init__(self, notebook_id: str) -> None:
        self.notebook = load_course().notebook(notebook_id)
        path = solved_notebook(notebook_id)
        assert path is not None
        submission = read_submission(path)
        names = solution_names(submission)
        self.items = collected(notebook_id)
        self.examination = InProcess(submission, names, self.reply, self.twin_reply)
        self.known: dict[tuple[str, Key, int], Any] = {}  # replies of the solution
        self.plan: dict[Key, Any] = {}
        self.counts: Counter[Key] = Counter()
        self._item = ""
        self._made: dict[str, Any] = {}  # by fixtures that ask the student nothing
        self._made["exam"] = self._made["public_exam"] = refits.public_exam()
        self._made["secret"] = read_secret("")

    def reply(self, key: Key, honest: Callable[[], Any]) -> Any:
        """Return the planned value, or what the solution gives."""
        self.counts[key] += 1
        if key in self.plan:
            return self.plan[key]
        place = self._item, key, self.counts[key]
        if place not in self.known:
            value = honest()
            self.known[place] = value if "keep" in key else crossed(value)
        return self.known[place]

    def twin_reply(self, key: Key, honest: Callable[[], Any]) -> Any:
        """Return what the clean session gives; a plan changes nothing there."""
        return self.reply(("twin", *key), honest)

    def run(self, item: Any, plan: dict[Key, Any]) -> None:
        """Run one check as pytest would, its fixtures included."""
        self.plan, self.counts, self._item = plan, Counter(), item.nodeid
        self.examination.lost.clear()
        mark = item.get_closest_marker("exercise")
        exercise = self.notebook.exercise(mark.args[0])
        given = {
            "examination": self.examination,
            "student": self.examination.student(exercise),
            "facts": {},
            "series": {},
            **(item.callspec.params if hasattr(item, "callspec") else {}),
        }
        fixtures = item._fixtureinfo.name2fixturedefs
        item.obj(**{n: self._make(n, given, fixtures) for n in item._fixtureinfo.argnames})

    def _make(self, name: str, given: dict[str, Any], fixtures: Any) -> Any:
        if name in given or name in self._made:
            return given[name] if name in given else self._made[name]
        fixture = fixtures[name][-1]
        value = fixture.func(**{n: self._make(n, given, fixtures) for n in fixture.argnames})
        if inspect.isgenerator(value):  # what is torn down afterwards costs nothing here
            value = next(value)
        apart = all(n in self._made for n in fixture.argnames)
        (self._made if apart else given)[name] = value
        return value

    def asked(self) -> list[Key]:
        """Return the kinds of replies that the last run got from the student's side."""
        return [key for key in self.counts if key[0] not in ("twin", "keep", "call_and_look")]


def ending(fuzz: Fuzz, item: Any, plan: dict[Key, Any]) -> str:
    """Run a check; return what went wrong in it, or an empty text."""
    try:
        fuzz.run(item, plan)
    except (Found, Excused):
        return ""
    except Exception as error:
        places = [f for f in traceback.extract_tb(error.__traceback__) if "site-pack" not in f[0]]
        last = places[-1]
        return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {last.line}"
    return ""


def values_for(fuzz: Fuzz, item: Any, key: Key, seconds: float) -> Iterator[tuple[str, Any]]:
    """Yield names and values for one kind of reply, as many as a check's time allows."""
    draw = random.Random(f"{item.name} {key}")
    changes = list(changed(fuzz.known[item.nodeid, key, 1])) if key not in fuzz.plan else []
    values = [*ODD.items(), *draw.sample(changes, min(CHANGED, len(changes)))]
    most = max(FEWEST, int(SECONDS / max(seconds, 1e-4)))
    yield from values if len(values) <= most else draw.sample(values, most)


def failures(fuzz: Fuzz) -> Iterator[str]:
    """Yield a line for every check and value that end in an exception."""
    for item in fuzz.items:
        honest = ending(fuzz, item, {})
        if honest:
            yield f"{item.name}: the solution's own value: {honest}"
            continue
        started = time.process_time()
        ending(fuzz, item, {})
        seconds = time.process_time() - started
        for key in fuzz.asked():
            for name, value in list(values_for(fuzz, item, key, seconds)):
                trouble = ending(fuzz, item, {key: value})
                if trouble:
                    yield f"{item.name}: {'.'.join(key)} = {name}: {trouble}"


@pytest.mark.parametrize("notebook_id", NOTEBOOKS)
def test_no_check_ends_in_an_exception(notebook_id: str) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = list(failures(Fuzz(notebook_id)))
    assert not found, f"{len(found)}:\n" + "\n".join(found[:100])
