#!/usr/bin/env bash
# cantools 45.1.0: a decoded signal with a value table (VAL_) equals its name and not its number, and a
# number that the table does not list comes back as a plain int. "state == 3" is then silently False
# where 3 has a name, and "state == 2" True where 2 has none; .value or decode_choices=False is wanted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cantools==45.1.0
cd "$folder"
cat > site.dbc <<'DBC'
VERSION ""
NS_ :
BS_:
BU_: cabinet
BO_ 257 status: 1 cabinet
 SG_ state : 0|2@1+ (1,0) [0|3] "" Vector__XXX
VAL_ 257 state 0 "OPEN" 1 "RUN" 3 "FAULT" ;
DBC
venv/bin/python - <<'PY'
import cantools

message = cantools.database.load_file("site.dbc").get_message_by_name("status")
fault = message.decode(b"\x03")["state"]
unlisted = message.decode(b"\x02")["state"]
print("3 decodes to", repr(fault), "- equals 3:", fault == 3, "- equals its name:", fault == "FAULT")
print("2 decodes to", repr(unlisted), type(unlisted).__name__)
assert fault == "FAULT" and fault != 3 and fault.value == 3
assert unlisted == 2 and type(unlisted) is int
assert message.decode(b"\x03", decode_choices=False)["state"] == 3
PY
