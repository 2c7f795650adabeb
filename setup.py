"""The optional compiled build. Everything else about the package stands in pyproject.toml.

`LOCKSTEP_MYPYC=1` compiles the hot modules that pyproject.toml lists. The compiled build gives the
same bytes as the interpreted one, which is the reference and needs no compiler.
"""

import os
import tomllib
from pathlib import Path

from setuptools import Extension, setup


def compiled_modules() -> list[Extension]:
    """Return the extensions of all hot modules, built as one group."""
    # No guard: a build that was asked for and cannot be made stops here.
    from mypyc.build import mypycify

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    extensions: list[Extension] = mypycify(
        project["tool"]["lockstep"]["compiled"]["modules"],
        opt_level="3",
        target_dir="build/mypyc",
        group_name="lockstep_kernel._compiled",
    )
    for extension in extensions:
        # A fused multiply-add would round once where the source rounds twice.
        extension.extra_compile_args.append("-ffp-contract=off")
    return extensions


setup(ext_modules=compiled_modules() if os.environ.get("LOCKSTEP_MYPYC") == "1" else [])
