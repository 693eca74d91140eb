"""Grade a folder with otter-grader, in one process and without containers.

Runs in an environment of its own, which `benchmarks.peers_systems` makes:

    python -m benchmarks.peers_otter AUTOGRADER.zip SUBMITTED POINTS.json
"""

import json
import sys
from pathlib import Path

TEST_FILE = """\
OK_FORMAT = False
from otter.test_files import test_case
from benchmarks.peers_kernel import grade_here

name = "{grade_id}"
points = {points}


@test_case()
def all_hidden_checks(env):
    reached = grade_here("{exercise}", env)
    assert reached == {points}, f"{{reached}} of {points} points"
"""
"""One test for each exercise. A test case of otter's passes or fails: honest work must pass."""


def main() -> None:
    """Grade every submission and write each one's points."""
    from otter.api import grade_submission  # type: ignore[import-not-found]

    autograder, submitted, result = sys.argv[1:]
    points = {}
    for path in sorted(Path(submitted).glob("*/*/*.ipynb")):
        points[path.parents[1].name] = grade_submission(str(path), autograder, quiet=True).total
        Path(result).write_text(json.dumps(points), encoding="utf-8")


if __name__ == "__main__":
    main()
