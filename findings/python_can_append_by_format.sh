#!/usr/bin/env bash
# python-can 4.6.1: what can.Logger(name, append=True) (can_logger --append) does depends on the suffix.
# candump and BLF append, ASC refuses. TRC takes the option and erases the log that was there. CSV appends,
# but where the log did not exist yet it writes no header line, and the reader then takes the first frame
# for one. Neither says a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1
cd "$folder"
venv/bin/python - <<'PY'
import can

seen = {}
for name in ("log", "blf", "asc", "trc", "csv"):
    try:
        for number in (1, 2, 3):  # three runs, each appends one frame
            with can.Logger(f"bus.{name}", append=True) as logger:
                logger.on_message_received(can.Message(timestamp=1e9 + number, arbitration_id=number))
        seen[name] = [frame.arbitration_id for frame in can.LogReader(f"bus.{name}")]
    except ValueError:
        seen[name] = "refused"
    print(f"{name}: frames of three runs: {seen[name]}")
assert seen == {"log": [1, 2, 3], "blf": [1, 2, 3], "asc": "refused", "trc": [3], "csv": [2, 3]}
PY
