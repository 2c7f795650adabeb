"""The commands that the documents name: those of `sh` blocks, and those in running text."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import click

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_EXPECTED = re.compile(r"\s+# (\d+)$")
_HERE = re.compile(r"<<'(\w+)'$")


class Step(NamedTuple):
    """A command of a block, with all its lines, and the exit code that it must have."""

    command: str
    code: int


def steps_of(text: str) -> list[Step]:
    """Return all commands of the `sh` blocks of a document, in order."""
    return [step for block in _BLOCK.findall(text) for step in _steps(block)]


def codes_of(text: str) -> list[str]:
    """Return all commands, and whatever else stands as code, in the tables and sentences."""
    return _CODE.findall(_BLOCK.sub("", text))


def _steps(block: str) -> Iterator[Step]:
    lines = iter(block.splitlines())
    for line in lines:
        expected = _EXPECTED.search(line)
        command = line if expected is None else line[: expected.start()]
        here = _HERE.search(command)
        if here is not None:
            command = "\n".join([command, *_up_to(lines, here[1])])
        if command.strip():
            yield Step(command, 0 if expected is None else int(expected[1]))


def _up_to(lines: Iterator[str], last: str) -> Iterator[str]:
    for line in lines:
        yield line
        if line == last:
            return


def unknown_words(root: click.Group, words: list[str]) -> list[str]:
    """Return the words of a command line that name no command and no option of a program."""
    command: click.Command = root
    context = click.Context(root)
    unknown: list[str] = []
    for word in words:
        if isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return [word]
            command = found
        elif word.startswith("--"):
            options = [option for parameter in command.params for option in parameter.opts]
            unknown += [] if word.split("=")[0] in [*options, "--help"] else [word]
    return unknown
