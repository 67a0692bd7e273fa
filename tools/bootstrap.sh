#!/bin/sh
# Make the virtual environment $1 from requirements.lock: with uv when it is there, else with venv and pip.
# A bare Debian 12 has python3 without ensurepip; pip is then fetched as a zipapp-free wheel run by a venv's own pip.
set -eu
venv=${1:-.venv}
say() { printf '%s\n' "accordant: $*" >&2; }

command -v python3 >/dev/null || { say "python3 (3.11 or newer) is needed and was not found"; exit 1; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Python 3.11 or newer is needed, found $(python3 -V)"; exit 1; }

if command -v uv >/dev/null; then
  say "installing into $venv with uv"
  [ -x "$venv/bin/python" ] || uv venv -q --python python3 "$venv"
  VIRTUAL_ENV=$venv uv pip install -q --require-hashes -r requirements.lock
  VIRTUAL_ENV=$venv uv pip install -q --no-deps --no-build-isolation -e .
else
  say "installing into $venv with pip (about a minute the first time)"
  if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" 2>/dev/null || python3 -m venv --without-pip --clear "$venv"
  fi
  if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    pip() { "$venv/bin/python" -m pip "$@"; }
  elif command -v pip3 >/dev/null; then
    pip() { pip3 --python "$venv/bin/python" "$@"; }
  else
    say "neither uv nor pip was found; on Debian: apt-get install python3-pip"; exit 1
  fi
  pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
  pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
"$venv/bin/python" tools/vendor_htmx.py
say "ready"
