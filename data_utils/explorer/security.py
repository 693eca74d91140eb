"""Who may talk to the page, and what a browser may do with its answers.

The page has no passwords. What keeps others out is one of two things. On one's own machine it
listens on the loopback address, and the name that a browser called it by must be that of the
loopback too: a page of somebody else that points its own name at 127.0.0.1 (DNS rebinding) is
refused. Behind a notebook's proxy the name is the proxy's, so everything lies under a path that
cannot be guessed. In both cases a page of somebody else may not post anything.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, MisdirectedRequest

from data_utils.errors import ExplorerError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # they change nothing here
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?", re.IGNORECASE | re.ASCII)
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,}")  # 16 of 64 letters are 96 random bits

# Who may show the page in a frame: Jupyter on the same machine (a host-source cannot name [::1]),
# VS Code, whose notebooks lie in a webview within its window, and with a secret path also Colab,
# whose frames come from names of many kinds. JupyterHub's and Binder's proxies serve page and
# notebook from one origin: 'self'.
_LOCAL_FRAMES = (
    "http://127.0.0.1:* http://localhost:* https://127.0.0.1:* https://localhost:* "
    "vscode-webview: vscode-file:"
)
_COLAB_FRAMES = (
    "https://colab.research.google.com https://*.googleusercontent.com https://*.colab.dev"
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self' "
)


def prefix_for(secret: str | None) -> str:
    """Return the path that all addresses start with: "" or "/<secret>".

    Raises
    ------
    ExplorerError
        If the secret could be guessed, or would not fit into an address.
    """
    if secret is None:
        return ""
    if not _SECRET.fullmatch(secret):
        raise ExplorerError(
            "The secret part of the page's address needs at least 16 characters, each a letter, a "
            "digit, - or _. secrets.token_urlsafe() of Python makes one."
        )
    return f"/{secret}"


def guard(app: Flask, *, hosts: Collection[str], secret: bool) -> None:
    """Refuse strangers before anything else happens, and put the headers on every answer.

    Parameters
    ----------
    app : Flask
    hosts : collection of str
        The names (without port) that the page may be called by.
    secret : bool
        Whether everything lies under a secret path. Names are not compared then.
    """

    @app.before_request
    def refuse_strangers() -> None:
        if not secret:
            _refuse_other_hosts(hosts)
        if request.method not in SAFE_METHODS:
            _refuse_other_sites(secret)

    policy = _POLICY + (f"{_LOCAL_FRAMES} {_COLAB_FRAMES}" if secret else _LOCAL_FRAMES)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Not "no-referrer": with it browsers call the origin of the page's own forms "null".
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _refuse_other_hosts(hosts: Collection[str]) -> None:
    called = request.headers.get("Host", "")
    name = _HOST.fullmatch(called)
    if not name or name.group(1).lower() not in hosts:
        raise MisdirectedRequest(
            "This page answers only to the names of its own machine, such as 127.0.0.1 or "
            "localhost. Open it by the link that it was started with."
        )


def _refuse_other_sites(secret: bool) -> None:
    """Refuse a post from a page of another origin; what sends no such headers is no browser.

    Behind a proxy the page cannot know its own origin: there a browser's own word counts, and that
    nobody else knows the path.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and not secret and urlsplit(origin).netloc != request.host
    if foreign:
        raise Forbidden(
            "Another web site tried to send something to this page, which was refused. To try an "
            "image, open the page by the link that it was started with and use its own buttons."
        )
