"""The page, opened from a notebook."""

import importlib
import importlib.util
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_utils.errors import ExplorerError
from data_utils.explorer.app import create_app
from data_utils.explorer.baseline import baseline
from data_utils.explorer.history import History
from data_utils.explorer.live import served_live
from data_utils.explorer.saving import load_saved
from data_utils.explorer.served import Served
from data_utils.explorer.serving import LOOPBACK_ADDRESS, Server

FRAME_HEIGHT = 900  # pixels: the page's wide layout without scrolling
_SECRET = secrets.token_urlsafe(16)  # for as long as the kernel lives: frames of earlier cells
_HUB = "JUPYTERHUB_SERVICE_PREFIX"  # JupyterHub and Binder set it, such as /user/ada/


class Explorer:
    """A page that is being served.

    Attributes
    ----------
    url : str
        Where a browser finds it; of a proxy's address the path.
    """

    def __init__(self, server: Server, url: str) -> None:
        self.url = url
        self._server = server

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self._server.port

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def __repr__(self) -> str:
        return f"<the page at {self.url}; .stop() ends it>"


class LaunchError(ExplorerError):
    """The page cannot be opened with what it was given."""

    def _render_traceback_(self) -> list[str]:
        """Let IPython show the words alone: where it was raised helps nobody."""
        return str(self).splitlines()


_running: Explorer | None = None


def explore(
    detector: Any = None,
    x_val: Any = None,
    x_test: Any = None,
    x_anomaly: Any = None,
    *,
    normal: str = "what it was fitted on",
    title: str = "Your detector",
    beside: Sequence[Served | str | os.PathLike[str]] = (),
    port: int = 0,
    history: str | os.PathLike[str] | None = None,
) -> Explorer:
    """Open a page on which a detector is tried by hand.

    In JupyterLab and VS Code it appears below the cell, in Colab and behind JupyterHub or Binder
    too, by their proxies; elsewhere a link is printed. It lives as long as the kernel. Called
    again, it replaces the page, which keeps its address: frames of earlier cells show the new one.

    Parameters
    ----------
    detector : Detector or Served, optional
        What ``fit_detector`` returned. Without any the page serves principal components.
    x_val : ndarray of uint8, shape (n, 28, 28)
        The validation normals: thresholds come from their scores. A `Served` has its own.
    x_test, x_anomaly : ndarray of uint8, shape (n, 28, 28), optional
        Further normals and anomalies, for the four counts.
    normal : str
        What is normal to the detector, such as "every digit but the 9".
    title : str
        Its name on the page.
    beside : sequence of Served or path
        Others to compare with, such as files that ``save_detector`` wrote.
    port : int
        0 takes a free one.
    history : path, optional
        Keep what is tried in this file (SQLite).

    Returns
    -------
    Explorer
        With ``url`` and ``stop()``.

    Raises
    ------
    ExplorerError
        If there is no detector yet, or the images are not what they should be.

    Examples
    --------
    In a notebook, after training::

        explore(detector, x_val, x_test, x_anomaly, normal="every digit but the 9")
    """
    global _running
    first = _first(detector, x_val, x_test, x_anomaly, title, normal)
    served = [first, *(each if isinstance(each, Served) else load_saved(each) for each in beside)]
    kept = History(Path(history)) if history is not None else None
    secret = _SECRET if _behind_a_proxy() else None
    app = create_app(served, history=kept, secret=secret)
    if _running is not None:
        port = port or _running.port
        _running.stop()
        _running = None
    server = Server(app, port)
    server.start()
    _running = Explorer(server, _url(server.port, secret))
    _show(_running, secret)
    return _running


def _first(
    detector: Any, x_val: Any, x_test: Any, x_anomaly: Any, title: str, normal: str
) -> Served:
    """Return the detector that the page is opened for."""
    if isinstance(detector, Served):
        return detector
    if detector is None and x_val is None:
        print("No detector was given: the page serves principal components of the digits 0 to 8.")
        return baseline()
    if not hasattr(detector, "anomaly_score"):
        raise LaunchError(
            "There is no detector yet: run the cell with detector = fit_detector(...) first. "
            "explore() without arguments serves principal components."
        )
    if x_val is None:
        raise LaunchError(
            "The page needs the validation images to set a threshold: explore(detector, x_val)."
        )
    try:
        return served_live(
            detector, x_val, x_test, x_anomaly, name="yours", title=title, normal=normal
        )
    except ExplorerError as error:
        raise LaunchError(str(error)) from error


# ------------------------------------------------------------ where the notebook is shown


def _in_colab() -> bool:
    return "google.colab" in sys.modules


def _behind_a_proxy() -> bool:
    return _in_colab() or bool(os.environ.get(_HUB))


def _in_kernel() -> bool:
    """Say whether this is a notebook's kernel, which can show a frame; a terminal cannot."""
    ipython: Any = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _url(port: int, secret: str | None) -> str:
    if secret is None:
        return f"http://{LOOPBACK_ADDRESS}:{port}/"
    if _in_colab():
        return f"/{secret}/"
    return f"{os.environ[_HUB].rstrip('/')}/proxy/{port}/{secret}/"


def _show(page: Explorer, secret: str | None) -> None:
    """Show the page below the cell, or say where it is."""
    if _in_colab():
        output: Any = importlib.import_module("google.colab.output")
        output.serve_kernel_port_as_iframe(page.port, path=page.url, height=str(FRAME_HEIGHT))
        return
    if secret is not None and importlib.util.find_spec("jupyter_server_proxy") is None:
        print(
            "This is a JupyterHub. Its pages are reached through jupyter-server-proxy, which is "
            "not installed here: install it and start your server anew."
        )
        return
    if _in_kernel():
        from IPython.display import IFrame, display

        display(IFrame(page.url, width="100%", height=FRAME_HEIGHT))
    print(f"The page is at {page.url}")
