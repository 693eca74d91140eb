"""The page for programs: JSON in place of pictures.

All answers are JSON objects, in UTF-8. A refusal has its status and one key, ``error``: a sentence.

``GET api/detectors``
    What is served, in order::

        {"detectors": [{"name": "pca", "title": "Principal components",
                        "normal": "every digit but the 9",
                        "reconstructs": true, "explains": false}]}

``POST api/score``
    Judges one image: a PNG or JPEG file of at most 2 MiB, as the request's body or as the file
    ``image`` of a form (multipart/form-data). Two settings stand in the address or in the form:
    ``detector``, a name, up to four times (default: the first two detectors), and ``rate``,
    the target false positive rate in percent from 0 to 50 (default: 5)::

        curl --data-binary @seven.png "http://127.0.0.1:PORT/api/score?detector=pca&rate=1"
        curl -F image=@seven.png -F detector=pca -F rate=1 http://127.0.0.1:PORT/api/score

    The answer::

        {"rate": 1.0,
         "seen": "AAAA...",          784 bytes in base64: the 28 rows of the image as it was judged
         "detectors": [
            {"name": "pca", "title": "Principal components", "normal": "every digit but the 9",
             "score": 0.0123,        higher = more anomalous
             "threshold": 0.0312,    at the rate, from validation normals
             "is_anomaly": false,    score > threshold
             "percentile": 51.1,     percent of validation normals with a lower score
             "counts": {"tp": 61, "fn": 39, "fp": 5, "tn": 95},   at the rate, or null
             "milliseconds": 1.7}]}

    A detector that could not judge the image has ``name``, ``title``, ``normal`` and ``error``
    instead, and does not disturb the others.

Statuses: 200; 400 a setting that cannot be right, or no image, or a damaged one; 403 a post from
another web site; 404, 405 a wrong address or method; 413 too large; 415 neither PNG nor JPEG; 421
the page was called by a strange name; 422 an image in which there is nothing to judge; 500 an error
of the page, or every detector failed (then the answer has ``detectors`` with the reasons); 503 all
detectors are busy (``Retry-After`` says when to try again).
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from data_utils.explorer.asking import chosen_from, image_from, rate_from
from data_utils.explorer.judging import Judges, Result, Row, Shown
from data_utils.explorer.served import Served

_SETTINGS = {"detector", "rate"}


def api_routes(served: Sequence[Served], judges: Judges) -> Blueprint:
    """Return the addresses for programs."""
    routes = Blueprint("api", __name__)

    @routes.get("/detectors")
    def detectors() -> Response:
        return jsonify(detectors=[_described(each) for each in served])

    @routes.post("/score")
    def score() -> tuple[Response, int]:
        in_parts = request.mimetype == "multipart/form-data"
        settings = request.values if in_parts else request.args
        if unknown := sorted(set(settings) - _SETTINGS):
            raise BadRequest(
                f"There is no setting called {unknown[0][:40]!r}; there are: detector, rate."
            )
        rate = rate_from(settings.get("rate"))
        chosen = chosen_from(settings.getlist("detector"), served)
        data = _file() if in_parts else _body()
        with judges.admitted():
            image = image_from(data)
            result = judges.result(Shown(image, "upload"), chosen, rate)
        return jsonify(_answer(result)), result.status

    return routes


def _file() -> bytes:
    files = request.files.getlist("image")
    if len(files) != 1:
        raise BadRequest(
            f"api/score takes one file called image in each request; this one has {len(files)}."
        )
    data: bytes = files[0].read()
    return data


def _body() -> bytes:
    """Return the body as it came; curl calls it a form, whatever it holds."""
    data = request.get_data(parse_form_data=False)
    if not data:
        raise BadRequest(
            "No image came with the request. Send a PNG or JPEG file as its body, or as the file "
            "image of a form (multipart/form-data)."
        )
    return data


def _answer(result: Result) -> dict[str, Any]:
    return {
        "rate": result.rate,
        "seen": result.seen_base64,
        "detectors": [_row(row) for row in result.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    named = {"name": row.served.name, "title": row.served.title, "normal": row.served.normal}
    judgement = row.judgement
    if judgement is None:
        return {**named, "error": row.error}
    return {
        **named,
        "score": judgement.score,
        "threshold": judgement.threshold,
        "is_anomaly": judgement.is_anomaly,
        "percentile": judgement.percentile,
        "counts": asdict(row.counts) if row.counts else None,
        "milliseconds": round(row.milliseconds, 1),
    }


def _described(served: Served) -> dict[str, Any]:
    return {
        "name": served.name,
        "title": served.title,
        "normal": served.normal,
        "reconstructs": getattr(served.detector, "reconstruct", None) is not None,
        "explains": getattr(served.detector, "explain", None) is not None,
    }
