"""How a program ends badly: one sentence on stderr and, where JSON was asked for, it as an object.

The object on stdout has `error`, the sentence, and `exit_code`; what comes before it stays.
"""

import json
import os
import sys

from lockstep_kernel.note import without_private_keys


def refuse(who: str, sentence: str, code: int, is_json: bool = False) -> int:
    """Say why `who` ends with `code`, and return that. No private key is told."""
    text = without_private_keys(" ".join(sentence.split()))
    print(f"{who}: {text}", file=sys.stderr)
    try:
        if is_json:
            print(json.dumps({"error": text, "exit_code": code}, ensure_ascii=False))
        print(end="", flush=True)
    except OSError:
        drop_output()
    return code


def drop_output() -> None:
    """Write to nowhere from now on: the interpreter must not flush again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
