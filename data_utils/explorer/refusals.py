"""The words and the shape of every answer that is a refusal."""

from collections.abc import Callable

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    MisdirectedRequest,
    ServiceUnavailable,
)

from data_utils.explorer.asking import TEXT_LIMIT
from data_utils.explorer.history import HistoryError
from data_utils.explorer.judging import RETRY_AFTER, BusyError
from data_utils.explorer.uploads import MAX_BYTES

FRAGMENT = "X-Fragment"  # the page's script asks with it for the result alone
_STRANGERS = (403, 421)  # whoever gets these learns nothing about what is served here
_DEEPEST = 8  # folders; the page's own addresses lie two deep

# For what Flask and werkzeug refuse by themselves; the page's own refusals bring their sentence.
_SENTENCES = {
    400: "The request could not be read. Reload the page and try again.",
    404: ("There is nothing at this address. Open the page by the link that it was started with."),
    413: (
        f"That is too much: all that is sent may have {MAX_BYTES // 1024**2} MiB, the text of a "
        f"form {TEXT_LIMIT // 1024} KiB. Cut the image to the digit, or save it with at most "
        "1,600 pixels on its long side, and try again. With JavaScript on, the page itself saves "
        "it smaller."
    ),
    500: (
        "The page stopped on an error of its own; the image is not to blame. The details are in "
        "the terminal or notebook that started the page. Try again, or start it anew."
    ),
}


def register_refusals(app: Flask, prefix: str, page: Callable[[str], str]) -> None:
    """Let every error of a request end in a sentence.

    Flask itself logs what was not expected, with its traceback, and hands over a plain 500.

    Parameters
    ----------
    app : Flask
    prefix : str
        The path that all addresses start with.
    page : callable
        Makes the whole page with a sentence on it.
    """

    def answer(error: HTTPException) -> Response:
        sentence = _sentence(error)
        error.description = sentence
        body: str | Response
        if request.path.startswith(f"{prefix}/api/"):
            body = jsonify(error=sentence)
        elif request.headers.get(FRAGMENT):
            body = render_template("error.html", error=sentence)
        elif request.path == f"{prefix}/score" and error.code not in _STRANGERS:
            body = page(sentence)
        else:
            root = None if error.code == MisdirectedRequest.code else _root(prefix)
            body = render_template("refusal.html", error=sentence, root=root)
        response = make_response(body, error.code)
        for name, value in error.get_headers():
            if name != "Content-Type":  # Allow, Retry-After
                response.headers[name] = value
        return response

    def busy(error: BusyError) -> Response:
        return answer(ServiceUnavailable(str(error), retry_after=RETRY_AFTER))

    def lost(error: HistoryError) -> Response:
        return answer(InternalServerError(str(error)))

    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(HistoryError, lost)
    app.register_error_handler(BusyError, busy)


def _root(prefix: str) -> str | None:
    """Return the way back from the request's address to the page; None from outside the secret.

    It is relative, as all addresses are, and made of nothing that the request brought along.
    """
    if not request.path.startswith(f"{prefix}/"):
        return None
    above = request.path.removeprefix(prefix).count("/") - 1
    return "../" * min(above, _DEEPEST)


def _sentence(error: HTTPException) -> str:
    if error.description and error.description != type(error).description:
        return error.description
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"}))
        return f"This address answers to {allowed} only. Open the page and use its own buttons."
    return _SENTENCES.get(error.code or 500) or error.description or error.name
