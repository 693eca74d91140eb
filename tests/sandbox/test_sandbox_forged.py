"""A worker that student code has taken over: whatever it sends, a session raises `SandboxError`."""

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grader.sandbox import CellResult, Isolation, Limits, SandboxError, Session, wire
from grader.sandbox.process import Process
from grader.sandbox.watch import Usage
from tests.odd_values import odd_values

ODD = odd_values()
SMALL = replace(Limits(), message_bytes=2**22)


class ForgedProcess:
    """Stands for `Process`: a thread that answers each request with what `forge` makes of it."""

    cpu_seconds, peak_bytes, tail, root = 0.0, 0, "", 0

    def __init__(self, forge: Callable[[dict[str, Any]], Any]) -> None:
        self.connection, self._inside = socket.socketpair()
        self._forge = forge
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        def read(count: int) -> bytearray:
            raw = bytearray()
            while len(raw) < count:
                part = self._inside.recv(count - len(raw))
                if not part:
                    raise ConnectionError
                raw += part
            return raw

        try:
            while True:
                request = wire.receive(read, 2**26)
                honest = {"id": request["id"], "status": "ok", "body": None}
                reply = honest if request["op"] == "start" else self._forge(request)
                for frame in wire.encode(reply, 2**26):
                    self._inside.sendall(frame)
        except OSError:
            self._inside.close()

    def usage(self) -> Usage:
        return Usage(0.0, 0, ())

    def exit_code(self) -> int | None:
        return None

    def wait_for_end(self) -> int | None:
        return -9

    def interrupt(self) -> None:
        """Do nothing: nobody would listen."""

    def kill(self) -> None:
        self.connection.close()


class ForgedSession(Session):
    """A session whose worker is a `ForgedProcess`."""

    def __init__(self, forge: Callable[[dict[str, Any]], Any]) -> None:
        self._forge = forge
        super().__init__(Isolation.NONE, SMALL)

    def _start(self, preload: str, *_: Any, **__: Any) -> tuple[Process, list[str]]:
        process: Any = ForgedProcess(self._forge)
        return process, []


def honest_cell() -> dict[str, Any]:
    error = {"ename": "E", "evalue": "text", "line": 1, "deep_line": 1, "deep_text": "x",
             "traceback": "line 1: x"}  # fmt: skip
    return {"error": error, "stdout": "a", "truncated": False, "displays": [("text/plain", "a")]}


Forge = Callable[[dict[str, Any]], Any]


def reply(**changed: Any) -> Forge:
    """Return what answers as asked, but for some parts."""
    return lambda request: {"id": request["id"], "status": "ok", "body": None} | changed


def forged_replies(value: Any) -> list[Forge]:
    """Put a value into each place of a reply that brings a value."""
    error = honest_cell()["error"]
    return [
        lambda _: value,
        *(reply(**{place: value}) for place in ("id", "status", "body", "more")),
        *(reply(status=status, body=value) for status in ("error", "unfit")),
        *(reply(status="error", body=error | {key: value}) for key in error),
        reply(body=[0, value]),
    ]


def forged_cells(value: Any) -> list[Forge]:
    """Put a value into each place of a reply that brings the result of a cell."""
    cell = honest_cell()
    displays = (
        [value, ("text/plain", value)],
        [(value, "a"), (value, value)],
        [("image/png", value)],
    )
    return [
        *forged_replies(value),
        *(reply(body=cell | {key: value}) for key in cell),
        *(reply(body=cell | {"error": cell["error"] | {key: value}}) for key in cell["error"]),
        *(reply(body=cell | {"displays": shown}) for shown in displays),
    ]


OPERATIONS: dict[str, Callable[[Session], Any]] = {
    "cell": lambda session: session.run_cell("x = 1"),
    "call": lambda session: session.call("f", 1),
    "call and look": lambda session: session.call_and_look("f", 1),
    "keep": lambda session: session.keep("f", 1),
    "file": lambda session: session.read_file("x"),
}


def text_only(result: CellResult) -> bool:
    """Say whether a result of a cell holds what it says, whatever the worker sent."""
    texts = (result.traceback, result.stdout, result.ename or "", result.evalue or "")
    kinds = {"text/plain": str, "image/png": bytes}
    return (
        all(type(text) is str for text in texts)
        and result.status in ("ok", "error")
        and type(result.truncated) is bool
        and (result.line is None or type(result.line) is int)
        and all(type(shown.data) is kinds[shown.mime] for shown in result.displays)
    )


@pytest.mark.parametrize("operation", list(OPERATIONS))
def test_whatever_stands_in_a_reply_is_a_value_or_a_sandbox_error(operation: str) -> None:
    refused = 0
    for value in ODD.values():
        for forge in (forged_cells if operation == "cell" else forged_replies)(value):
            with ForgedSession(forge) as session:
                try:
                    result = OPERATIONS[operation](session)
                except SandboxError:
                    refused += 1
                else:
                    assert not isinstance(result, CellResult) or text_only(result)
    assert refused > len(ODD)


def test_an_array_among_the_displays_is_left_out() -> None:
    shown = [(np.zeros(3), "a"), np.zeros(2), ("text/plain", "b"), ("text/plain", np.zeros(2))]
    with ForgedSession(reply(body=honest_cell() | {"displays": shown})) as session:
        assert [display.data for display in session.run_cell("x").displays] == ["b"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_arguments_come_back_in_their_number(count: int) -> None:
    with (
        ForgedSession(reply(body=[0, [1] * count])) as session,
        pytest.raises(SandboxError, match="number of arguments"),
    ):
        session.call_and_look("f", 1, 2)


def test_a_cell_that_no_message_holds_is_a_bad_reply_and_the_session_lives() -> None:
    with ForgedSession(reply(body=honest_cell())) as session:
        with pytest.raises(SandboxError, match="longer than"):
            session.run_cell("#" * (wire.TEXT_CHARS + 1))
        assert session.alive
