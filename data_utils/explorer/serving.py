"""The page's web server: one port on this machine's own address, several threads."""

import contextlib
import errno
import logging
import socket
import sys
import threading
from typing import Any

from flask import Flask
from waitress import create_server, wasyncore

from data_utils.errors import ExplorerError
from data_utils.explorer.judging import THREADS

LOOPBACK_ADDRESS = "127.0.0.1"  # nobody else on the network reaches it
# A body is written to disk before the app is asked. What is above the page's own limit gets the
# page's own sentence up to here, which covers a phone's photo, and waitress's short refusal beyond.
_MOST_BODY = 32 * 2**20
_PATIENCE = 5.0  # seconds that stopping waits for an answer that is under way
_WAKE = 1.0  # seconds after which a server without visitors looks whether it should stop
_TAKEN = (errno.EADDRINUSE, errno.EACCES)  # Windows says the second of a port held exclusively


class PortTakenError(ExplorerError):
    """Another program listens on the port."""


class Server:
    """A page that can be reached.

    Parameters
    ----------
    app : Flask
    port : int
        0 takes a free one.

    Attributes
    ----------
    port : int
        On which it listens.

    Raises
    ------
    PortTakenError
        If another program has the port.
    ExplorerError
        If the system refuses it for another reason.
    """

    def __init__(self, app: Flask, port: int) -> None:
        # It warns of every request that waits, as many clicks at once let some do.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        listening = _bound(port)
        self.port: int = listening.getsockname()[1]
        self._channels: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._channels,
            sockets=[listening],
            threads=THREADS,
            max_request_body_size=_MOST_BODY,
            ident=None,  # no name and version of the server in the answers
        )
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Serve until Ctrl-C or `stop`."""
        with contextlib.suppress(KeyboardInterrupt):
            while not self._stopping.is_set():
                wasyncore.loop(_WAKE, use_poll=True, map=self._channels, count=1)
        self._server.task_dispatcher.shutdown(timeout=_PATIENCE)

    def start(self) -> None:
        """Serve in a thread that ends with the program."""
        self._thread = threading.Thread(target=self.run, name="explorer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End a server that was started: close its port and every connection."""
        if self._thread is None or self._stopping.is_set():
            return
        self._stopping.set()
        self._server.pull_trigger()  # so that it looks now
        self._thread.join()
        wasyncore.close_all(self._channels)  # only now: its own thread was waiting for these


def _bound(port: int) -> socket.socket:
    """Return a socket bound to a port of the loopback address."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there the other option lets two programs have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # without it a page that is started again waits a minute for its old port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK_ADDRESS, port))
        listening.listen()  # now, not later: on some systems two may bind, but one may listen
    except (OSError, OverflowError) as error:
        listening.close()
        if isinstance(error, OSError) and error.errno in _TAKEN:
            raise PortTakenError(
                f"Port {port} is taken by another program, perhaps by another such page. Stop it, "
                "or choose another port; 0 takes a free one."
            ) from error
        raise ExplorerError(f"Port {port} cannot be used: {error}.") from error
    return listening
