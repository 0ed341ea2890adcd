"""``python -m bioloom.cli``."""

import sys

from bioloom.cli import main

if __name__ == "__main__":
    sys.exit(main())
