#!/bin/sh
# Make $1 hold a real Tryton 8.0 ERP: its own virtual environment from tools/tryton.txt, and a template database with
# the modules that the connector needs. About a minute the first time; nothing to do when it is there already.
set -eu
home=${1:-.tryton}
modules="account_invoice project"
list=$(dirname "$0")/tryton.txt
say() { printf '%s\n' "accordant: $*" >&2; }

wanted=$(cat "$list" "$0" | cksum)
[ -f "$home/template.sqlite" ] && [ "$(cat "$home/built" 2>/dev/null)" = "$wanted" ] && exit 0
rm -rf "$home"
mkdir -p "$home/build"
home=$(cd "$home" && pwd)

command -v python3 >/dev/null || { say "python3 (3.11 or newer) is needed and was not found"; exit 1; }
if command -v uv >/dev/null; then
  say "installing Tryton 8.0 into $home with uv"
  uv venv -q --python python3 "$home/venv"
  VIRTUAL_ENV=$home/venv uv pip install -q -r "$list"
else
  say "installing Tryton 8.0 into $home with pip"
  python3 -m venv "$home/venv" 2>/dev/null || python3 -m venv --without-pip --clear "$home/venv"
  if "$home/venv/bin/python" -m pip --version >/dev/null 2>&1; then
    pip() { "$home/venv/bin/python" -m pip "$@"; }
  elif command -v pip3 >/dev/null; then
    pip() { pip3 --python "$home/venv/bin/python" "$@"; }
  else
    say "neither uv nor pip was found; on Debian: apt-get install python3-pip"; exit 1
  fi
  pip install -q --disable-pip-version-check -r "$list"
fi

say "making its template database (half a minute)"
umask 077
"$home/venv/bin/python" -c 'import secrets; print(secrets.token_urlsafe(16))' > "$home/admin-password"
printf '[database]\nuri = sqlite://\npath = %s/build\n' "$home" > "$home/build/trytond.conf"
: > "$home/build/template.sqlite"   # the server wants the file to exist
# shellcheck disable=SC2086 - the modules are words
TRYTONPASSFILE=$home/admin-password "$home/venv/bin/trytond-admin" -c "$home/build/trytond.conf" -d template \
  -u ir $modules --activate-dependencies --email admin@meridian.example -p > "$home/build/log" 2>&1 \
  || { cat "$home/build/log" >&2; say "Tryton could not make its database"; exit 1; }
mv "$home/build/template.sqlite" "$home/template.sqlite"
rm -rf "$home/build"
printf '%s' "$wanted" > "$home/built"
say "Tryton is ready"
