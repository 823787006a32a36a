#!/usr/bin/env bash
# python-can 4.6.1: one callback that raises once ends its Notifier for good. The frame does not reach
# the listeners that stand behind it, no later frame reaches any, a log writer among them; `stopped` stays
# False and stop() is quiet. Only the attribute `exception` and the text on stderr tell.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1
cd "$folder"
venv/bin/python - 2>/dev/null <<'PY'
import time

import can

sender = can.Bus(interface="virtual", channel="notifier")
receiver = can.Bus(interface="virtual", channel="notifier")
first, behind = [], []


def careless(message):
    raise ValueError("one bad frame")


notifier = can.Notifier(receiver, [first.append, careless, behind.append], timeout=0.05)
try:
    for number in range(3):
        sender.send(can.Message(arbitration_id=number, is_extended_id=False))
        until = time.monotonic() + 60
        while notifier.exception is None and time.monotonic() < until:
            time.sleep(0.01)
    time.sleep(0.5)
    print("frames seen by the listener before it:", len(first), "of 3, behind it:", len(behind))
    print("stopped:", notifier.stopped, "exception:", repr(notifier.exception))
    assert (len(first), len(behind), notifier.stopped) == (1, 0, False)
    assert isinstance(notifier.exception, ValueError)
    notifier.stop()
finally:
    sender.shutdown()
    receiver.shutdown()
PY
