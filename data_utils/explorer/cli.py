"""The command line of the explorer: serve the page, or score images without it.

Exit codes: 0 all well, 1 an image is an anomaly (with ``--check`` only), 2 wrong usage, or a file
that cannot be read.
"""

import json
import sys
import warnings
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from data_utils.drawing import as_mnist
from data_utils.errors import CourseKitError
from data_utils.explorer.app import create_app
from data_utils.explorer.asking import DEFAULT_PERCENT, HIGHEST_PERCENT
from data_utils.explorer.choosing import detector_called, detectors_of
from data_utils.explorer.history import History
from data_utils.explorer.pictures import verdict_words
from data_utils.explorer.served import Served
from data_utils.explorer.serving import LOOPBACK_ADDRESS, PortTakenError, Server
from data_utils.explorer.uploads import MAX_BYTES, read_upload

PORT = 8765  # the usual one; nothing common listens there
_MORE_PORTS = 10  # tried after the usual one, so that a second page finds a place too


class _ServeByDefault(TyperGroup):
    """``explorer nb2.ipynb`` means ``explorer serve nb2.ipynb``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in (*self.commands, "--help"):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ServeByDefault,
    help="Try detectors by hand: draw a digit, upload an image, and see the verdict and why.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("serve")
def _serve(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Saved detectors (.onnx) or notebooks (.ipynb, which are run). Without any: all "
            "in the folder detectors, else the baseline."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help=f"0 takes a free one. By default {PORT} or the next free one."
        ),
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="Keep what is tried in this file (SQLite).")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Serve the page on this machine until Ctrl-C (this is what happens without a command)."""
    served = detectors_of(files or [], typer.echo)
    page = create_app(served, history=History(history) if history else None)
    server = _server(page, port)
    address = f"http://{LOOPBACK_ADDRESS}:{server.port}/"
    typer.echo(f"Serving {', '.join(each.title for each in served)}.")
    typer.echo(f"The page is at {address} (Ctrl-C ends it).")
    if open_page:
        webbrowser.open(address)
    server.run()
    typer.echo("The page has ended.")


@app.command("score")
def _score(
    images: Annotated[list[Path], typer.Argument(help="PNG or JPEG images of one digit each.")],
    detector: Annotated[
        str,
        typer.Option(help="A saved detector's name, or a file. By default the first saved one."),
    ] = "",
    rate: Annotated[
        float,
        typer.Option(min=0, max=HIGHEST_PERCENT, help="The target false positive rate in percent."),
    ] = DEFAULT_PERCENT,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    check: Annotated[bool, typer.Option(help="Exit with 1 if an image is an anomaly.")] = False,
) -> None:
    """Score images without the page."""
    judge = detector_called(detector, _complain) if detector else detectors_of([], _complain)[0]
    rows = [_row(path, judge, rate, quiet=as_json) for path in images]
    if as_json:
        head = {"name": judge.name, "title": judge.title, "normal": judge.normal}
        typer.echo(json.dumps({"detector": head, "rate": rate, "images": rows}, indent=1))
    if any("error" in row for row in rows):
        raise typer.Exit(2)
    raise typer.Exit(int(check and any(row["is_anomaly"] for row in rows)))


def main(*, arguments: Sequence[str]) -> NoReturn:
    """Run the command line; what goes wrong ends in a sentence and exit code 2.

    Parameters
    ----------
    arguments : sequence of str
        What stands behind the program's name.
    """
    warnings.filterwarnings("ignore", module="PIL")  # a refusal has its own sentence
    try:
        app(list(arguments))
    except CourseKitError as error:
        _complain(f"explorer: {error}")
        sys.exit(2)
    sys.exit(0)


def _complain(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _server(page: Any, port: int | None) -> Server:
    """Return a server on the port that was asked for, else on the first free one of a few."""
    if port is not None:
        return Server(page, port)
    for usual in range(PORT, PORT + _MORE_PORTS):
        try:
            return Server(page, usual)
        except PortTakenError:
            continue
    return Server(page, 0)


def _row(path: Path, judge: Served, rate: float, *, quiet: bool) -> dict[str, Any]:
    """Score one file; what is wrong with it costs its own row only."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        judgement = judge.judge(as_mnist(read_upload(data)), rate / 100)
    except (OSError, CourseKitError) as error:
        reason = f"cannot be read: {error.strerror}." if isinstance(error, OSError) else str(error)
        _complain(f"{path}: {reason}")
        return {"file": str(path), "error": reason}
    if not quiet:
        typer.echo(
            f"{path}: {verdict_words(judge, judgement)} (score {judgement.score:.4g}, threshold "
            f"{judgement.threshold:.4g})"
        )
    return {
        "file": str(path),
        "score": judgement.score,
        "threshold": judgement.threshold,
        "is_anomaly": judgement.is_anomaly,
        "percentile": judgement.percentile,
    }
