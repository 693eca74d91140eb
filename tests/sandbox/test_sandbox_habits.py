"""The habits of notebooks have a defined answer inside."""

import pytest

from grader.sandbox import Session

pytestmark = pytest.mark.slow  # starts sandboxes

PNG = b"\x89PNG"


@pytest.mark.parametrize(
    "cell",
    [
        "!pip install x",
        "%pip install x",
        "%conda install x",
        "!!ls",
        "%%bash\nls",
        "files = !ls",
        "files = get_ipython().getoutput('ls')",
        "%sx ls",
        "%system ls",
    ],
)
def test_shell_commands_are_not_run_and_say_so(walled: Session, cell: str) -> None:
    result = walled.run_cell(cell)
    assert result.status == "ok"
    assert "not run while grading" in result.stdout


@pytest.mark.parametrize(
    "cell",
    ["%matplotlib inline", "%time 1 + 1", "%timeit -n1 -r1 1", "%%time\nx = 1", "exit()", "quit()"],
)
def test_harmless_magics_work(walled: Session, cell: str) -> None:
    assert walled.run_cell(cell).status == "ok"


def test_autoreload_loads(walled: Session) -> None:
    assert walled.run_cell("%load_ext autoreload\n%autoreload 2").status == "ok"


@pytest.mark.parametrize("call", ["input('name? ')", "import getpass; getpass.getpass()"])
def test_input_raises_with_a_sentence(walled: Session, call: str) -> None:
    result = walled.run_cell(call)
    assert result.status == "error"
    assert "keyboard" in (result.evalue or "")


def test_top_level_await_works(walled: Session) -> None:
    result = walled.run_cell("import asyncio\nawait asyncio.sleep(0, 'done')")
    assert result.displays[0].data == "'done'"


def test_underscore_and_out_hold_earlier_values(walled: Session) -> None:
    walled.run_cell("123")
    assert walled.run_cell("_ + 1").displays[0].data == "124"


def test_a_semicolon_hides_the_last_value(walled: Session) -> None:
    assert walled.run_cell("5;").displays == ()


def test_sys_exit_ends_the_cell_only(walled: Session) -> None:
    result = walled.run_cell("import sys\nsys.exit('enough')")
    assert (result.status, result.ename) == ("error", "SystemExit")
    assert result.stdout == ""
    assert walled.run_cell("1").status == "ok"


def test_figures_come_out_as_images(walled: Session) -> None:
    pytest.importorskip("matplotlib")
    shown = walled.run_cell(
        "import matplotlib.pyplot as plt\n"
        "plt.plot([1, 2])\nplt.show()\nplt.plot([2, 1])\nprint('after')"
    )
    assert [display.mime for display in shown.displays] == ["image/png"] * 2
    assert all(bytes(display.data).startswith(PNG) for display in shown.displays)  # type: ignore[arg-type]
    assert shown.stdout == "after\n"
    assert walled.run_cell("plt.get_fignums()").displays[0].data == "[]"


def test_an_image_that_is_too_large_is_left_out(walled: Session) -> None:
    pytest.importorskip("matplotlib")
    result = walled.run_cell(
        "import matplotlib.pyplot as plt, numpy as np\n"
        "plt.figure(figsize=(9, 9))\nplt.imshow(np.random.rand(600, 600, 3), "
        "interpolation='nearest')\nplt.show()"
    )
    assert result.truncated
    assert [display.mime for display in result.displays] == ["text/plain"]


def test_widgets_come_out_as_text(walled: Session) -> None:
    pytest.importorskip("ipywidgets")
    result = walled.run_cell(
        "from tqdm.notebook import tqdm\nimport ipywidgets\n"
        "for _ in tqdm(range(2)): pass\n"
        "display(ipywidgets.IntSlider())"
    )
    assert result.status == "ok"
    assert {display.mime for display in result.displays} == {"text/plain"}
    assert "IntSlider" in str(result.displays[-1].data)


def test_a_progress_bar_comes_out_as_it_last_stood(walled: Session) -> None:
    result = walled.run_cell("from tqdm import trange\nfor _ in trange(3): pass")
    assert result.status == "ok"
    assert result.stdout.count("\n") == 1
    assert "100%" in result.stdout


def test_html_comes_out_as_text(walled: Session) -> None:
    result = walled.run_cell(
        "from IPython.display import HTML\ndisplay(HTML('<script>x</script>'))"
    )
    assert [display.mime for display in result.displays] == ["text/plain"]
    assert "script" not in str(result.displays[0].data)


def test_data_utils_can_be_imported_and_the_grader_cannot(walled: Session) -> None:
    assert walled.run_cell("import data_utils").status == "ok"
    assert walled.run_cell("import grader").ename == "ModuleNotFoundError"


def test_a_notebook_may_import_its_own_files(walled: Session) -> None:
    result = walled.run_cell("open('mine.py', 'w').write('x = 5')\nimport mine\nmine.x")
    assert result.displays[-1].data == "5"


def test_the_names_of_the_worker_are_free(walled: Session) -> None:
    walled.run_cell("open('shell_notes.py', 'w').write('x = 1')")
    result = walled.run_cell("import sys\n[p for p in sys.path if 'worker' in p]")
    assert result.displays[-1].data == "[]"


def test_warnings_and_logging_are_output(walled: Session) -> None:
    result = walled.run_cell(
        "import warnings, logging\nwarnings.warn('look')\nlogging.error('bad')"
    )
    assert result.status == "ok"
    assert "look" in result.stdout
    assert "bad" in result.stdout


def test_stdout_can_be_replaced_for_one_cell(walled: Session) -> None:
    walled.run_cell("import sys, io\nsys.stdout = io.StringIO()\nprint('lost')")
    assert walled.run_cell("print('back')").stdout == "back\n"
