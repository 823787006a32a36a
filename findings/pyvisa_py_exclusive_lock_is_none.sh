#!/usr/bin/env bash
# pyvisa-py 0.8.1, TCPIP::...::SOCKET: open_resource(access_mode=exclusive_lock) succeeds and locks nothing;
# a second session gets the "exclusive" lock as well, and both command one supply. lock_excl() on the same
# session is honest: VI_ERROR_NSUP_OPER. VPP-4.3 (viOpen): the session is opened with the lock, or not at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyvisa==1.16.2 pyvisa-py==0.8.1
cd "$folder"
venv/bin/python - <<'PY'
import socketserver
import threading

import pyvisa

voltage = [b"0.0\n"]


class Supply(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"VOLT?\n":
                self.wfile.write(voltage[0])
            else:
                voltage[0] = line.removeprefix(b"VOLT ")


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Supply) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    manager = pyvisa.ResourceManager("@py")
    first, second = (
        manager.open_resource(
            f"TCPIP::127.0.0.1::{server.server_address[1]}::SOCKET",
            access_mode=pyvisa.constants.AccessModes.exclusive_lock,
            read_termination="\n", write_termination="\n",
        )
        for _ in range(2)
    )
    first.write("VOLT 3.7")
    assert first.query("VOLT?") == "3.7"
    second.write("VOLT 60")
    assert second.query("VOLT?") == "60"
    seen = first.query("VOLT?")
    print("two exclusive sessions; the first set 3.7 and now reads", seen)
    try:
        raise SystemExit(f"lock_excl: {first.lock_excl()}")
    except pyvisa.VisaIOError as error:
        refusal = error
        print("lock_excl:", refusal.abbreviation)
    manager.close()
    server.shutdown()
assert seen == "60" and refusal.error_code == pyvisa.constants.StatusCode.error_nonsupported_operation
PY
