"""When the time of a request is up: what it uses counts, not what else the machine does."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from grader.sandbox import conversation
from grader.sandbox.conversation import INTERRUPT_SECONDS, PATIENCE, GiveUpError, Watchman
from grader.sandbox.watch import Usage

LIMIT = 20.0


class Machine:
    """A clock, and a process that gets a share of a core's time."""

    def __init__(self, share: float) -> None:
        self.now, self.cpu, self.share = 1000.0, 3.0, share
        self.interrupted: list[float] = []

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.cpu += self.share * seconds

    def usage(self) -> Usage:
        return Usage(self.cpu, 0, (1,))

    def exit_code(self) -> None:
        return None

    def interrupt(self) -> None:
        self.interrupted.append(self.now - 1000)


def wait_on(machine: Machine, watchman: Watchman) -> None:
    while True:
        seconds = watchman.tick()
        assert 0 < seconds <= max(INTERRUPT_SECONDS, conversation.TICK_SECONDS)
        machine.pass_time(seconds)


@pytest.fixture
def stopped_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], float]:
    """After how many seconds is a process stopped that never ends and gets that share?"""

    def run(share: float) -> float:
        machine = Machine(share)
        monkeypatch.setattr(conversation, "time", SimpleNamespace(monotonic=lambda: machine.now))
        watchman = Watchman(machine, 2**30, LIMIT)  # type: ignore[arg-type]
        with pytest.raises(GiveUpError):
            wait_on(machine, watchman)
        return machine.interrupted[0]

    return run


@pytest.mark.parametrize("share", [1.0, 3.7])
def test_who_has_a_core_or_more_is_stopped_at_the_limit(
    stopped_after: Callable[[float], float], share: float
) -> None:
    assert stopped_after(share) == pytest.approx(LIMIT, abs=0.01)


def test_who_sleeps_is_stopped_at_the_limit(stopped_after: Callable[[float], float]) -> None:
    assert stopped_after(0.0) == pytest.approx(LIMIT, abs=0.01)


def test_who_shares_a_core_gets_the_time_that_others_took(
    stopped_after: Callable[[float], float],
) -> None:
    assert stopped_after(0.25) == pytest.approx(4 * LIMIT, abs=1)


def test_patience_ends(stopped_after: Callable[[float], float]) -> None:
    assert stopped_after(0.06) == pytest.approx(PATIENCE * LIMIT, abs=0.01)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_what_others_took_counts_for_no_limit_of_the_whole_notebook(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    machine = Machine(share)
    monkeypatch.setattr(conversation, "time", SimpleNamespace(monotonic=lambda: machine.now))
    watchman = Watchman(machine, 2**30, LIMIT)  # type: ignore[arg-type]
    while machine.now < 1030 and machine.cpu < 3 + LIMIT / 2:
        machine.pass_time(watchman.tick())
    assert watchman.spent() == pytest.approx(machine.cpu - 3, abs=conversation.TICK_SECONDS)
