"""How the program speaks: help and data on standard output, sentences on standard error."""

import argparse
import os
import sys
from typing import NoReturn, Protocol

from lockstep_kernel import CannotRunError
from lockstep_kernel.errors import EXIT_CANNOT_RUN
from lockstep_kernel.note import without_keys, without_private_keys
from lockstep_validator.report import printable

PROGRAM = "lockstep-validator"


class _Writable(Protocol):
    """What text can be written to."""

    def write(self, text: str, /) -> object:
        """Take a piece of text."""
        ...


class Parser(argparse.ArgumentParser):
    """Raises instead of ending the process with a code that means damage."""

    def error(self, message: str) -> NoReturn:
        raise CannotRunError(f"{without_keys(message)} (see {self.prog} --help)")

    def print_help(self, file: _Writable | None = None) -> None:
        """Write the help; argparse itself is silent when that fails."""
        print(self.format_help(), end="", file=file)


def put(text: str, what: str) -> None:
    """Write lines of data; raise `CannotRunError` if they cannot be, unless nobody reads them."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        drop_output()
    except OSError as error:
        drop_output()
        raise CannotRunError(f"could not write {what}: {error.strerror or error}") from None


def fail(sentence: str, code: int = EXIT_CANNOT_RUN) -> int:
    """Say why the program ends with `code`, and return that."""
    say(sentence)
    return code


def say(sentence: str) -> None:
    """Write a sentence of the program. No private key is told."""
    print(f"{PROGRAM}: {printable(without_private_keys(sentence))}", file=sys.stderr)


def drop_output() -> None:
    """Write to nowhere from now on: the interpreter must not flush again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
