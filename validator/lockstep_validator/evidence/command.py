"""The commands `lockstep-validator prove` and `lockstep-validator check-proof`."""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence

from lockstep_kernel import CannotRunError, LockstepError
from lockstep_kernel.errors import (
    EXIT_CANNOT_RUN,
    EXIT_DAMAGED,
    EXIT_DIVERGED,
    EXIT_OK,
    EXIT_TORN,
)
from lockstep_kernel.note import NOTE_BYTES_MAX, without_keys, without_private_keys
from lockstep_validator.console import PROGRAM, Parser, fail, put
from lockstep_validator.evidence.checking import Checked, check_proof
from lockstep_validator.evidence.keys import Keys, SignedHead, read_keys
from lockstep_validator.evidence.proofs import read_proof
from lockstep_validator.evidence.proving import (
    Proved,
    prove_consistency,
    prove_equivocation,
    prove_fraud,
    prove_inclusion,
)
from lockstep_validator.report import printable

_STATUS = {
    EXIT_OK: "proved",
    EXIT_DIVERGED: "not proved",
    EXIT_DAMAGED: "damaged",
    EXIT_CANNOT_RUN: "could not run",
    EXIT_TORN: "torn",
}

DESCRIPTION = """\
Write a proof to a file of its own, and check it without anything else but a public key.

SOURCE is a stream file, a journal directory, or - for standard input; its records begin with
the first. A head is a file that `lockstep head publish` wrote."""

EPILOG = """\
examples:
  lockstep-validator prove inclusion day.stream --seq 120 --head 1700.head --key head.key.pub \\
      --out 120.proof
  lockstep-validator prove consistency day.stream --head 1700.head --head 4423.head \\
      --key head.key.pub --out grown.proof
  lockstep-validator prove equivocation --head a.head --head b.head --key head.key.pub \\
      --out two.proof
  lockstep-validator prove fraud day.stream --from-head 1700.head --head 4423.head \\
      --key head.key.pub --out fraud.proof
  lockstep-validator check-proof fraud.proof --key head.key.pub

exit codes:
  0  proved
  1  not proved: the claim does not hold for these heads and records, or another key signed
  2  damaged: corrupt or foreign data
  3  could not run: usage, missing, newer format or rules, no such machine, internal error
  4  torn: the data ends in the middle"""


def run(arguments: Sequence[str]) -> int:
    """Run one of the two commands and return its exit code."""
    chosen = _parsed(arguments)
    try:
        keys = read_keys(chosen.key)
        if chosen.command == "check-proof":
            checked = check_proof(_read(chosen.file, read_proof), keys, chosen.machine)
        else:
            _check_free(chosen.out)
            checked = _write(chosen.out, _PROVERS[chosen.kind](chosen, keys))
    except LockstepError as error:
        message = without_private_keys(str(error))
        if chosen.json:
            put(_as_json(error.exit_code, message, None), "the verdict")
        return fail(message, error.exit_code)
    if chosen.json:
        put(_as_json(EXIT_OK, checked.claim, checked), "the verdict")
    else:
        put(_as_text(checked), "the verdict")
    return EXIT_OK


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    chosen, others = _parser().parse_known_args(arguments)
    if others:
        # argparse would name the help of the whole program.
        words = [PROGRAM, chosen.command, *([chosen.kind] if chosen.command == "prove" else [])]
        told = without_keys(" ".join(others))
        raise CannotRunError(f"unrecognized arguments: {told} (see {' '.join(words)} --help)")
    return chosen


def _inclusion(chosen: argparse.Namespace, keys: Keys) -> Proved:
    (head,) = _heads(chosen, keys, 1)
    return prove_inclusion(chosen.source, keys, head, chosen.seq)


def _consistency(chosen: argparse.Namespace, keys: Keys) -> Proved:
    first, second = _heads(chosen, keys, 2)
    return prove_consistency(chosen.source, keys, first, second)


def _equivocation(chosen: argparse.Namespace, keys: Keys) -> Proved:
    first, second = _heads(chosen, keys, 2)
    return prove_equivocation(chosen.source, keys, first, second)


def _fraud(chosen: argparse.Namespace, keys: Keys) -> Proved:
    (head,) = _heads(chosen, keys, 1)
    old = None if chosen.from_head is None else _head(chosen.from_head, keys)
    return prove_fraud(chosen.source, keys, head, old, chosen.machine)


_PROVERS: Mapping[str, Callable[[argparse.Namespace, Keys], Proved]] = {
    "inclusion": _inclusion,
    "consistency": _consistency,
    "equivocation": _equivocation,
    "fraud": _fraud,
}


def _heads(chosen: argparse.Namespace, keys: Keys, count: int) -> list[SignedHead]:
    if len(chosen.head) != count:
        raise CannotRunError(f"expected --head {count} times, found it {len(chosen.head)} times")
    return [_head(path, keys) for path in chosen.head]


def _head(path: str, keys: Keys) -> SignedHead:
    return keys.opened(_read(path, lambda read: read(NOTE_BYTES_MAX + 1)))


def _read(path: str, part: Callable[[Callable[[int], bytes]], bytes]) -> bytes:
    """Return the part of a file that is asked for: it comes from strangers and may not end."""
    target: str | int = 0 if path == "-" else path
    try:
        with open(target, "rb", closefd=path != "-") as file:
            return part(file.read)
    except OSError as error:
        raise CannotRunError(f"cannot read '{path}': {error.strerror or error}") from None


def _check_free(path: str) -> None:
    """Raise `CannotRunError` for a place that a proof cannot have; making one takes a while."""
    if os.path.lexists(path):
        raise CannotRunError(f"{path}: expected no file, found one")
    if not path or not os.path.isdir(os.path.dirname(path) or "."):
        raise CannotRunError(f"'{path}': expected the name of a file in a directory that is there")


def _write(path: str, proved: Proved) -> Checked:
    """Write the proof to a new file, synced and whole or not at all."""
    try:
        with open(path, "xb") as file:
            try:
                file.write(proved.data)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                os.unlink(path)
                raise
    except FileExistsError:
        raise CannotRunError(f"{path}: expected no file, found one") from None
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be written: {error.strerror}") from None
    return proved.checked


def _as_text(checked: Checked) -> str:
    lines = [f"proved: {printable(checked.claim)}"]
    facts = {"kind": checked.kind, **checked.facts}
    lines += [f"  {name:<14}{printable(str(value))}" for name, value in facts.items()]
    return "\n".join(lines)


def _as_json(code: int, message: str, checked: Checked | None) -> str:
    fields: dict[str, object] = {
        "status": _STATUS[code].replace(" ", "_"),
        "exit_code": code,
        "message": message,
    }
    if checked is not None:
        fields = {**fields, "kind": checked.kind, **checked.facts}
    return json.dumps(fields)


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    check = _command(commands, "check-proof", "check a proof offline")
    check.add_argument("file", metavar="FILE", help="a proof, or - for standard input")
    kinds = _command(commands, "prove", "write a proof").add_subparsers(
        dest="kind", required=True, parser_class=Parser
    )
    inclusion = _command(kinds, "inclusion", "a record stands under a head")
    inclusion.add_argument("--seq", required=True, type=_sequence, metavar="SEQ", help="the record")
    consistency = _command(kinds, "consistency", "one head continues another")
    equivocation = _command(kinds, "equivocation", "two heads cannot both be true")
    fraud = _command(kinds, "fraud", "a head signs what the rules do not yield")
    fraud.add_argument("--from-head", metavar="FILE", help="begin at the state of this head")
    for kind in (inclusion, consistency, equivocation, fraud):
        kind.add_argument("--head", required=True, action="append", metavar="FILE", help="a head")
        kind.add_argument("--out", required=True, metavar="NEW_FILE", help="where the proof goes")
        is_optional = kind is equivocation
        kind.add_argument("source", metavar="SOURCE", nargs="?" if is_optional else None)
    for one in (check, inclusion, consistency, equivocation, fraud):
        _add_common(one)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        required=True,
        action="append",
        metavar="KEY",
        help="a public key, or a file of them; may be repeated",
    )
    parser.add_argument("--machine", metavar="NAME", help="run this installed machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _command(
    commands: "argparse._SubParsersAction[Parser]", name: str, what: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise argparse.ArgumentTypeError(f"expected a sequence number, found '{text}'")
    return int(text)
