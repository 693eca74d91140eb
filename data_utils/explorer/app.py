"""The page as a Flask app: its addresses, and what each answers."""

import io
from collections.abc import Collection, Sequence
from dataclasses import replace

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, send_file
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from data_utils.errors import ExplorerError
from data_utils.explorer import pictures
from data_utils.explorer.api import api_routes
from data_utils.explorer.asking import (
    DEFAULT_PERCENT,
    PARTS_LIMIT,
    TEXT_LIMIT,
    chosen_from,
    image_from_form,
    page_form,
    rate_from,
)
from data_utils.explorer.history import History, HistoryError
from data_utils.explorer.judging import Judges, Result, Row
from data_utils.explorer.refusals import FRAGMENT, register_refusals
from data_utils.explorer.samples import Samples, embedded_samples, png_of
from data_utils.explorer.security import LOOPBACK, guard, prefix_for
from data_utils.explorer.served import Served
from data_utils.explorer.uploads import MAX_BYTES

__all__ = ["LOOPBACK", "Result", "Row", "create_app"]

_PICTURES = (
    pictures.image_uri,
    pictures.difference_uri,
    pictures.heat_uri,
    pictures.histogram_svg,
    pictures.verdict_words,
    pictures.alt_text,
)
_SAMPLE_AGE = 3600  # seconds that a browser keeps a sample; it never changes while the page runs


def create_app(
    served: Sequence[Served],
    *,
    history: History | None = None,
    secret: str | None = None,
    hosts: Collection[str] = LOOPBACK,
    samples: Samples | None = None,
) -> Flask:
    """Return the page that serves these detectors.

    `data_utils.explorer.serving` serves it, with threads enough that slow detectors do not hold up
    the page itself.

    Parameters
    ----------
    served : sequence of Served
        At least one, each with a name of its own.
    history : History, optional
        Where tries are kept. Without it none is.
    secret : str, optional
        Behind a proxy: everything lies under ``/<secret>/``, and `hosts` is not heeded.
    hosts : collection of str
        The names, without port, that a browser may call the page by.
    samples : Samples, optional
        The images to pick from. Default: two of each digit.

    Raises
    ------
    ExplorerError
        If there is no detector, two have one name, or the secret can be guessed.
    """
    names = [each.name for each in served]
    if not names or len(set(names)) < len(names):
        raise ExplorerError(
            "The page needs at least one detector, and a name of its own for each; it got: "
            f"{', '.join(names) or 'none'}."
        )
    prefix = prefix_for(secret)
    app = Flask("data_utils.explorer", static_url_path=f"{prefix}/static")
    app.config.update(
        DEBUG=False,  # whatever FLASK_DEBUG says: a debugger lets visitors run code
        MAX_CONTENT_LENGTH=MAX_BYTES,
        MAX_FORM_MEMORY_SIZE=TEXT_LIMIT,
        MAX_FORM_PARTS=PARTS_LIMIT,
    )
    app.jinja_env.globals.update({function.__name__: function for function in _PICTURES})
    app.url_map.merge_slashes = False  # a redirect to the whole address would lose a proxy's part
    judges = Judges(served)
    page = _Page(served, judges, samples or embedded_samples(), history)
    guard(app, hosts=hosts, secret=secret is not None)
    register_refusals(app, prefix, page.with_error)
    app.register_blueprint(page.routes(), url_prefix=prefix or None)
    if secret:  # the page's addresses are relative: they need the slash at the end
        app.add_url_rule(prefix, "slash", lambda: redirect(f"{secret}/", 308))
    app.register_blueprint(api_routes(served, judges), url_prefix=f"{prefix}/api")
    return app


class _Page:
    """What people see, and what their forms are answered."""

    def __init__(
        self,
        served: Sequence[Served],
        judges: Judges,
        samples: Samples,
        history: History | None,
    ) -> None:
        self._served = served
        self._judges = judges
        self._samples = samples
        self._history = history

    def routes(self) -> Blueprint:
        """Return the page's addresses."""
        routes = Blueprint("page", __name__)
        routes.add_url_rule("/", view_func=self.index)
        routes.add_url_rule("/score", view_func=self.score, methods=["POST"])
        routes.add_url_rule("/samples/<int:number>.png", view_func=self.sample)
        routes.add_url_rule("/history", view_func=self.history)
        routes.add_url_rule("/history/delete", view_func=self.delete, methods=["POST"])
        routes.add_url_rule("/history.csv", view_func=self.export)
        return routes

    def index(self) -> str:
        """Show the page without an image."""
        return self._whole()

    def with_error(self, sentence: str) -> str:
        """Show the page with the reason why the last image was refused."""
        return self._whole(error=sentence)

    def score(self) -> tuple[str, int]:
        """Judge the image of a form."""
        page_form()
        g.rate = rate_from(request.form.get("rate"))
        g.chosen = chosen_from(request.form.getlist("detector"), self._served)
        with self._judges.admitted():
            shown = image_from_form(self._samples)
            result = self._judges.result(shown, g.chosen, g.rate)
        result = self._remembered(result, shown.again)
        if request.headers.get(FRAGMENT):
            return render_template("result.html", result=result), result.status
        return self._whole(result=result), result.status

    def sample(self, number: int) -> Response:
        """Send one of the images to pick from."""
        sample = self._samples.find(number)
        if sample is None:
            raise NotFound(
                f"There is no sample {number}; they are numbered from 1 to {len(self._samples)}."
            )
        file = io.BytesIO(png_of(sample.image))
        return send_file(file, mimetype="image/png", max_age=_SAMPLE_AGE)

    def history(self) -> str:
        """Show what was tried."""
        return render_template("history.html", rows=self._kept().rows())

    def delete(self) -> AnyResponse:
        """Delete all that was tried."""
        self._kept().delete_all()
        return redirect("../history", 303)

    def export(self) -> Response:
        """Send what was tried as a table."""
        file = io.BytesIO(self._kept().as_csv().encode())
        return send_file(file, mimetype="text/csv", as_attachment=True, download_name="history.csv")

    def _kept(self) -> History:
        if self._history is None:
            raise NotFound(
                "This page keeps no history of what is tried; it does only if it is asked to when "
                "it is started."
            )
        return self._history

    def _remembered(self, result: Result, again: bool) -> Result:
        """Write a result into the history; if that fails, the result says so and is still shown."""
        if self._history is None:
            return result
        try:
            self._history.add(result, again=again)
        except HistoryError as error:
            return replace(result, note=str(error))
        return result

    def _whole(self, result: Result | None = None, error: str | None = None) -> str:
        chosen = g.get("chosen") or chosen_from([], self._served)
        return render_template(
            "index.html",
            served=self._served,
            chosen=[each.name for each in chosen],
            rate=g.get("rate", DEFAULT_PERCENT),
            samples=list(self._samples),
            history_on=self._history is not None,
            result=result,
            error=error,
        )
