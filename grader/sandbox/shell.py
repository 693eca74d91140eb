"""The notebook inside the wall: an IPython shell without kernel, history file or terminal.

It keeps what a cell prints and displays up to a cap, and gives the habits of notebooks a defined
answer: shell commands are not run and say so, `%matplotlib inline` does nothing because figures
come out anyway, `input()` raises.
"""

from __future__ import annotations

import ast
import base64
import builtins
import getpass
import io
import re
import sys
import warnings
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

if __package__:
    from . import definitions
else:
    import definitions  # type: ignore[no-redef, import-not-found]

DISPLAYS = 200  # of one cell; a loop that plots every epoch shows 50
DISPLAY_CHARS = 20_000  # text of one display; a printed data frame takes about 5,000
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
NOT_RUN = (
    *("bash", "sh", "script", "system", "sx", "perl", "ruby", "cmd"),
    *("pip", "conda", "mamba", "micromamba", "uv"),
)
REFUSED = "Shell commands are not run while grading; this line was left out: {}"
NO_INPUT = "input() has no keyboard to read from while grading; give the value in the code instead."


class Capture(io.TextIOBase):
    """Stands for stdout and stderr: keeps the first `cap` characters of a cell, drops the rest."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.parts: list[str] = []
        self.left = 0
        self.truncated = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Name of the encoding, which libraries ask for."""
        return "utf-8"

    def writable(self) -> bool:
        """Say that one can write here."""
        return True

    def write(self, text: str) -> int:
        """Keep what fits."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.left >= len(text):
            self.parts.append(text)
            self.left -= len(text)
        elif not self.truncated:
            self.parts.append(text[: self.left])
            self.left, self.truncated = 0, True
        return len(text)

    def start(self) -> None:
        """Begin a cell."""
        self.parts, self.left, self.truncated = [], self.cap, False

    def take(self) -> tuple[str, bool]:
        """End a cell: return its text, progress bars as they last stood, and whether it was cut."""
        text, truncated = "".join(self.parts), self.truncated
        self.parts, self.left, self.truncated = [], 0, True
        # From the start of a line only: else a long line without "\r" takes quadratic time.
        return re.sub(r"(?m)^[^\n]*\r(?!\n)", "", text.replace("\r\n", "\n")), truncated


class Displays:
    """Collects what a cell displays, as text and PNG only."""

    def __init__(self, image_bytes: int) -> None:
        self.image_bytes = image_bytes
        self.items: list[tuple[str, str | bytes]] = []
        self.truncated = False

    def add(self, bundle: dict[str, Any]) -> None:
        """Keep the PNG of a bundle, else its text."""
        png = bundle.get("image/png")
        if isinstance(png, str):
            png = base64.b64decode(png)
        if len(self.items) >= DISPLAYS:
            self.truncated = True
        elif isinstance(png, bytes) and png.startswith(PNG_MAGIC):
            self.add_png(png)
        elif isinstance(bundle.get("text/plain"), str):
            text = bundle["text/plain"]
            self.truncated |= len(text) > DISPLAY_CHARS
            self.items.append(("text/plain", text[:DISPLAY_CHARS]))

    def add_png(self, png: bytes) -> None:
        """Keep an image that is small enough."""
        if len(png) <= self.image_bytes:
            self.items.append(("image/png", png))
        else:
            self.truncated = True
            self.items.append(("text/plain", f"(an image of {len(png)} bytes was left out)"))

    def take(self) -> tuple[list[tuple[str, str | bytes]], bool]:
        """Return what was collected and whether something was left out; start anew."""
        items, truncated = self.items, self.truncated
        self.items, self.truncated = [], False
        return items, truncated


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    """Sends `display(...)` to the collection."""

    def publish(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        self.shell.displays.add(data)

    def clear_output(self, wait: bool = False) -> None:
        """Keep everything: a grader wants to see what there was."""


class _Hook(DisplayHook):  # type: ignore[misc]
    """Sends the value of a cell's last expression to the collection."""

    def write_output_prompt(self) -> None:
        """Write no prompt."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.displays.add(format_dict)

    def log_output(self, format_dict: Any) -> None:
        """Keep no history: it would hold every image for the whole session."""

    def finish_displayhook(self) -> None:
        self._is_active = False


class Shell(InteractiveShell):  # type: ignore[misc]
    """IPython as a notebook uses it, with the parts replaced that need a kernel or a host."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    def __init__(self, output_chars: int, image_bytes: int) -> None:
        self.capture = Capture(output_chars)
        self.displays = Displays(image_bytes)
        self.imported: set[str] = set()
        self.opened: list[tuple[ast.stmt, str]] = []
        config = Config()
        config.HistoryManager.enabled = False  # no sqlite file, no thread
        config.InteractiveShell.colors = "NoColor"
        super().__init__(config=config)
        warnings.filterwarnings("ignore", message="To exit: use")  # IPython's, on sys.exit()
        InteractiveShell._instance = Shell._instance = self  # get_ipython() in libraries
        self.display_formatter.active_types = ["text/plain", "image/png"]
        for name in NOT_RUN:
            self.register_magic_function(_refuse_magic(name), "line_cell", name)
        # Figures come out anyway, and the real one imports matplotlib, which takes half a second.
        self.register_magic_function(lambda line: None, "line", "matplotlib")

    def start_capture(self) -> None:
        """Put the capture back where student code may have put something else."""
        sys.stdout = sys.stderr = self.capture
        builtins.input = self.raw_input = getpass.getpass = _no_input
        self.capture.start()
        self.displays.take()

    def open_cell(self, source: str) -> list[list[Any]]:
        """Take a cell apart, for its statements to be run one by one.

        Returns
        -------
        list of [int, list of str]
            For each statement its line, counted from 1, and the names that it binds.

        Raises
        ------
        SyntaxError
            And what else a parser raises: then there is nothing to run.
        """
        from data_utils.statements import bound_names, look_through

        self.opened = []
        source = look_through(source)
        blank = source[: len(source) - len(source.lstrip())].count("\n")  # lines that IPython drops
        code = self.transform_cell(source)
        name = self.compile.cache(code, self.execution_count, raw_code=source)
        self.execution_count += 1
        body = ast.parse(code, name).body
        self.opened = [(statement, name) for statement in body]
        return [[blank + part.lineno, sorted(bound_names(part))] for part in body]

    def run_statement(self, number: int) -> None:
        """Run one statement of the cell that was opened last; it may raise anything."""
        statement, name = self.opened[number]
        exec(self.compile(ast.Module([statement], []), name, "exec"), self.user_ns)

    def run_reference(self, names: list[str], source: str) -> None:
        """Define functions by the course's own cell, and leave every other name as it is."""
        own = dict(self.user_ns)
        exec(compile(source, "<reference>", "exec"), self.user_ns)
        own.update({name: self.user_ns[name] for name in names})
        self.user_ns.update(own)

    def run_definitions(self, source: str) -> BaseException | None:
        """Run the definitions of a cell, each statement on its own.

        Parameters
        ----------
        source : str
            The cell as the student wrote it, magics included.

        Returns
        -------
        BaseException or None
            The first error; the statements after it ran all the same.
        """
        try:
            code = self.transform_cell(source)
            name = self.compile.cache(code, self.execution_count, raw_code=source)
            self.execution_count += 1
            tree = ast.parse(code, name)
        except (SyntaxError, ValueError) as error:
            return error
        self.imported |= definitions.imported_names(tree.body)
        first: BaseException | None = None
        for statement in tree.body:
            if not definitions.is_definition(statement, self.imported):
                continue
            module = ast.Module([statement], [])
            try:
                exec(self.compile(module, name, "exec"), self.user_ns)
            except KeyboardInterrupt as error:
                return error
            except BaseException as error:
                first = first or error
        return first

    def flush_figures(self) -> None:
        """Render and close the matplotlib figures that are still open."""
        pyplot: Any = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        for number in pyplot.get_fignums():
            raw = io.BytesIO()
            pyplot.figure(number).savefig(raw, format="png")
            self.displays.add({"image/png": raw.getvalue()})
        pyplot.close("all")

    def ask_exit(self) -> None:
        """Do nothing on `exit()`: the later cells still run."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing; the base class raises, and `%matplotlib inline` with it."""

    def system(self, cmd: str) -> None:
        """Say that `!cmd` is not run."""
        print(REFUSED.format(cmd))

    system_raw = system_piped = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> list[str]:
        """Say that `x = !cmd` is not run; its output is empty."""
        self.system(cmd)
        return []

    def showtraceback(self, *_: Any, **__: Any) -> None:
        """Print nothing: the error comes out as a value."""

    showsyntaxerror = showindentationerror = _showtraceback = showtraceback


def _refuse_magic(name: str) -> Any:
    """Return a magic that only says that it was not run."""

    def magic(line: str, cell: str | None = None) -> None:
        text = f"%{name} {line}" if cell is None else f"%%{name} {line} ..."
        print(REFUSED.format(text.strip()))

    return magic


def _no_input(*_: Any, **__: Any) -> str:
    """Stand for input() and getpass()."""
    raise RuntimeError(NO_INPUT)
