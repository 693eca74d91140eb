"""python -m grader"""

import sys

try:
    from grader.cli import main
except ModuleNotFoundError as error:
    print(
        f"grader: the package {error.name} is not installed, so the grader cannot start. "
        "Run: pip install '.[tf,torch,lab,grade]'",
        file=sys.stderr,
    )
    sys.exit(2)

main()
