#!/usr/bin/env bash
# Builds the wheel the way a release does (source archive first, wheel from it), installs it into a
# fresh environment and runs smoke.py there, from an empty folder, with no source in reach.
# Usage: tests/wheel/run.sh PYTHON    (a Python with build, setuptools and wheel)
set -euo pipefail

python=$(realpath --no-symlinks "$1")
root=$(realpath "$(dirname "$0")/../..")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

cd "$root"
rm -rf build/lib build/bdist.*
"$python" -m build --no-isolation --outdir "$place/dist" . >"$place/log" 2>&1 || {
  cat "$place/log" >&2
  exit 1
}
rm -rf build/lib build/bdist.*

set -- "$place"/dist/*-py3-none-any.whl
test -f "$1" || { echo "wheel: expected one pure wheel, found: $(ls "$place/dist")" >&2; exit 1; }

"$python" -m venv "$place/venv"
"$place/venv/bin/python" -m pip install -qq --disable-pip-version-check "$1"

mkdir "$place/empty"
cp tests/wheel/smoke.py "$place/smoke.py"
find engine journal replay validator runtime desk -path '*/lockstep_*' -name '*.py' |
  sed -E 's#^[^/]+/##' >"$place/sources"
cd "$place/empty"
env -u PYTHONPATH "$place/venv/bin/python" "$place/smoke.py" "$place/sources"
