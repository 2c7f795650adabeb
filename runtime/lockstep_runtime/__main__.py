"""`python -m lockstep_runtime` is the program `lockstep`."""

import sys

from lockstep_runtime.cli import main

if __name__ == "__main__":
    sys.exit(main())
