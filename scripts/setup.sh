#!/bin/sh
# Finds a Python that can run the product and hands over to setup.py, which needs nothing but its standard library.
# PYTHON=... in the environment is tried first. Each candidate is run, not only found: a version manager's shim may be
# on PATH without a version behind it.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
found=
for candidate in "${PYTHON:-}" python3.11 python3 /usr/bin/python3.11 /usr/bin/python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$candidate" -E -s -m scripts.setup "$@"
    fi
    found="$found
  $candidate: $("$candidate" --version 2>&1 | head -n 1)"
done
echo "set-up: homelab needs Python 3.11 or newer, and there is none here.${found:+ Found:$found}" >&2
echo "set-up: on Debian 12: apt-get install python3.11 python3-venv (or name one: PYTHON=/path/to/python3.11 make ...)" >&2
exit 1
