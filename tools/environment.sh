#!/bin/sh
# Makes .venv anew, with $PYTHON or the first Python found that FaceRoute runs on.
set -eu

fits() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
        2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3.12 python3.13 python3.11 python3
fi
for python do
    if fits "$python"; then
        exec "$python" -m venv --clear .venv
    fi
done
echo "FaceRoute needs Python 3.11, 3.12 or 3.13 with its venv module, and none of these is one: $*." >&2
echo "Install one (on Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2
exit 1
