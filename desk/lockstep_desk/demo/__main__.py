"""Starts a host: `python -m lockstep_desk.demo`.

Its strategies' workers load this module again, so it loads nothing itself.
"""

import sys

if __name__ == "__main__":
    from lockstep_desk.demo.host import main

    sys.exit(main())
