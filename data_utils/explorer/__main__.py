"""python -m data_utils.explorer: the page, or scores on the command line."""

import sys

try:
    from data_utils.explorer.cli import main
except ModuleNotFoundError as missing:
    sys.exit(f"The explorer needs {missing.name}, which is not here. Run: pip install '.[explore]'")

if __name__ == "__main__":
    main(arguments=sys.argv[1:])
