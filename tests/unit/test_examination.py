"""A run that died is tried once more, without what it died of."""

from pathlib import Path

import pytest

from grader.examination import Examination, Run, Settings
from grader.submissions import Cell, read_submission

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = ROOT / "solutions/nb3_resnet_transfer/nb3_resnet_transfer.ipynb"


@pytest.mark.parametrize(
    ("died_in", "also_left_out"),
    [
        ("given_shift_by_hand", {"answer_ex3_4"}),  # calls one answer, which others call too
        ("given_collapse", {"answer_ex3_5"}),
        ("given_look_at_flips", set()),  # calls none
        ("given_tuned_row", set()),  # calls two: of which it died is not known
    ],
)
def test_a_second_run_leaves_out_the_answer_that_the_first_died_of(
    died_in: str, also_left_out: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = read_submission(SOLUTION)
    culprit = next(cell for cell in submission.cells if cell.name == died_in)
    left_out: list[tuple[Cell, ...]] = []

    def dies(self: Examination, left_out_now: tuple[Cell, ...] = (), **by_name: object) -> Run:
        left_out.append(by_name.get("left_out", left_out_now))  # type: ignore[arg-type]
        return Run(None, [(culprit, None)], [f"in {died_in}"])

    monkeypatch.setattr(Examination, "_run_cells", dies)
    with Examination(submission, Settings("quick")) as under_way:
        assert under_way.run().deaths == [f"in {died_in}"] * 2
    first, second = ({cell.name for cell in cells} for cells in left_out)
    assert first == set()
    assert second == {died_in} | also_left_out
