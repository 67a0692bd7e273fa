#!/bin/sh
# Rewrite requirements.lock (with hashes) and constraints.txt from pyproject.toml. Needs uv.
# No address of any registry may reach either file.
set -eu
cd "$(dirname "$0")/.."
uv pip compile -q --universal --python-version 3.11 --group dev --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements.lock
uv pip compile -q --universal --python-version 3.11 --group dev \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o constraints.txt
