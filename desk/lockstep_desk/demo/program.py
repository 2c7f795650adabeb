"""The program `lockstep desk demo`: a folder, a director, a screen, and the verdict."""

import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lockstep_desk.demo.director import Director
from lockstep_desk.demo.folder import Folder, alone, opened
from lockstep_desk.demo.judge import judge
from lockstep_desk.demo.report import Told, document_of, text_of
from lockstep_desk.demo.screen import Table, watching
from lockstep_kernel import CannotRunError


class Wishes(msgspec.Struct, frozen=True):
    """What the user asked for; `seed` None is the default, or that of the demo that is there."""

    is_quick: bool = False
    seed: int | None = None
    keep: str | None = None
    is_json: bool = False


def run(wishes: Wishes) -> int:
    """Run a demo, or the rest of one, and return the exit code."""
    started_s = time.monotonic()
    with _folder(wishes) as folder:
        with watching(folder, wishes.is_json) as watch:
            if isinstance(watch, Table):
                watch.begin("recovering" if folder.is_resumed else "starting")
            Director(folder, watch).play()
            if isinstance(watch, Table):
                watch.begin("validating both journals")
            verdict = judge(folder)
        told = Told(folder, verdict, time.monotonic() - started_s)
        if wishes.is_json:
            print(msgspec.json.encode(document_of(told)).decode())
        else:
            print(text_of(told), end="")
    return verdict.exit_code


@contextmanager
def _folder(wishes: Wishes) -> Generator[Folder]:
    if wishes.keep == "":
        raise CannotRunError("--keep: expected the name of a directory, found nothing")
    if wishes.keep is not None:
        path = Path(wishes.keep)
        with alone(path):
            yield opened(path, wishes.is_quick, wishes.seed)
        return
    try:
        holder = tempfile.TemporaryDirectory(prefix="lockstep-desk-demo-")
    except OSError as error:
        raise CannotRunError(f"no directory for a demo: {error.strerror or error}") from None
    with holder as name:
        yield opened(Path(name), wishes.is_quick, wishes.seed)
