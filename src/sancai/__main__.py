"""`python -m sancai` is the `sancai` command."""

import sys

from sancai.cli import main

if __name__ == "__main__":
    sys.exit(main())
