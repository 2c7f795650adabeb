"""`python -m lockstep_validator` is the program `lockstep-validator`."""

import sys

from lockstep_validator.cli import main

if __name__ == "__main__":
    sys.exit(main())
