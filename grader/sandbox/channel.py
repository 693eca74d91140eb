"""Frames over a socket, with a deadline on every read and write."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from grader.sandbox import wire

CHUNK = 2**20
TICK_SECONDS = 0.5  # how often a waiting session looks at memory and deadlines


class ClosedError(Exception):
    """The other side has gone."""


class Channel:
    """The trusted end of the socket.

    Parameters
    ----------
    connection : socket.socket
        To the worker.
    limit : int
        Largest number of bytes of a frame.
    """

    def __init__(self, connection: socket.socket, limit: int) -> None:
        self.connection = connection
        self.limit = limit

    def exchange(self, frames: list[Any], tick: Callable[[], float]) -> Any:
        """Send a message and wait for the reply.

        Parameters
        ----------
        frames : list of bytes-like
            From `wire.encode`.
        tick : callable
            Called at least every half second; returns the seconds to wait at most before it wants
            to be called again, and raises to give up.

        Returns
        -------
        object
            The decoded reply, untrusted.

        Raises
        ------
        ClosedError
            When the worker has closed the connection.
        wire.WireError
            When the reply is malformed.
        """
        for frame in frames:
            self._send(memoryview(frame), tick)
        return wire.receive(lambda count: self._read(count, tick), self.limit)

    def _send(self, view: memoryview, tick: Callable[[], float]) -> None:
        while view:
            self._wait(tick)
            try:
                view = view[self.connection.send(view[:CHUNK]) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise ClosedError from error

    def _read(self, count: int, tick: Callable[[], float]) -> bytearray:
        raw = bytearray()  # grows with what comes, not with what the header promises
        while len(raw) < count:
            self._wait(tick)
            try:
                part = self.connection.recv(min(count - len(raw), CHUNK))
            except TimeoutError:
                continue
            except OSError as error:
                raise ClosedError from error
            if not part:
                raise ClosedError
            raw += part
        return raw

    def _wait(self, tick: Callable[[], float]) -> None:
        """Let the next socket call take as long as `tick` says."""
        self.connection.settimeout(max(tick(), 0.001))

    def close(self) -> None:
        """Close the socket."""
        self.connection.close()


def accept_with_token(listener: socket.socket, token: bytes, seconds: float) -> socket.socket:
    """Wait for the connection that brings the token; others on the same machine are refused.

    Parameters
    ----------
    listener : socket.socket
        Listening on the loopback address.
    token : bytes
        What the worker was told through its stdin.
    seconds : float
        How long to wait.

    Returns
    -------
    socket.socket

    Raises
    ------
    TimeoutError
        When nobody brought it in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        listener.settimeout(max(deadline - time.monotonic(), 0.001))
        connection, _ = listener.accept()
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        got = b""
        while len(got) < len(token):
            part = connection.recv(len(token) - len(got))
            if not part:
                break
            got += part
        if got == token:
            return connection
        connection.close()
