"""What `lockstep head ...` does, in the child process that may die of a damaged file."""

import sys
from pathlib import Path
from typing import Any

from lockstep_journal.child import Work, serve
from lockstep_journal.cli.output import put_report
from lockstep_journal.errors import located
from lockstep_journal.heads import HeadDirectory, HeadRequest, publish_heads
from lockstep_journal.keys import load_key, make_key
from lockstep_journal.store import open_reader
from lockstep_journal.values import plain_struct
from lockstep_kernel import find_machine
from lockstep_kernel.errors import EXIT_OK


def keygen(origin: str, key: str, is_json: bool) -> int:
    """Make a key and print its public half."""
    public = make_key(origin, Path(key))
    report = {"origin": public.name, "key_id": public.key_id.hex(), "public_key": public.as_text()}
    put_report(report, is_json)
    return EXIT_OK


def publish(directory: str, heads: str, key: str, is_json: bool, **options: Any) -> int:
    """Sign and publish heads."""
    signing_key = load_key(Path(key))
    with located([str(Path(directory))]), open_reader(directory) as journal:
        machine = find_machine(options["machine_name"] or journal.genesis.machine)
        request = HeadRequest(options["at"], options["has_snapshots"])
        done = publish_heads(journal, machine, signing_key, HeadDirectory(heads), request)
    put_report(plain_struct(done, has_types=False), is_json)
    return EXIT_OK


_WORKS: dict[str, Work] = {"keygen": keygen, "publish": publish}

if __name__ == "__main__":
    sys.exit(serve(_WORKS, sys.argv[1:]))
