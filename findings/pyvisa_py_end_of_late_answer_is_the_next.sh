#!/usr/bin/env bash
# pyvisa-py 0.8.1, TCPIP::...::SOCKET: a time-out throws away the part of the answer that has come, and
# leaves the rest to the next query: an instrument that stalls within "123.5" answers 3.5 to the query after,
# a number like any other, and from there on each query gets the answer of the one before. clear() between
# them is no help: it drops what has come and returns once the line is quiet for 0.1 s, where a device clear
# (IEEE 488.2 5.8) would empty the instrument's output queue.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyvisa==1.16.2 pyvisa-py==0.8.1
cd "$folder"
venv/bin/python - <<'PY'
import socketserver
import threading
import time

import pyvisa


class Instrument(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"VOLT?\n":
                self.wfile.write(b"12")
                time.sleep(2.5)
                self.wfile.write(b"3.5\n")
            else:
                self.wfile.write({b"CURR?\n": b"0.25\n", b"TEMP?\n": b"31.0\n"}[line])


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Instrument) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    manager = pyvisa.ResourceManager("@py")
    instrument = manager.open_resource(
        f"TCPIP::127.0.0.1::{server.server_address[1]}::SOCKET",
        read_termination="\n", write_termination="\n", timeout=1500,
    )
    try:
        raise SystemExit(f"VOLT? {instrument.query('VOLT?')}")
    except pyvisa.VisaIOError as error:
        print("VOLT? (123.5):", error.abbreviation)
    instrument.clear()
    current, temperature = instrument.query("CURR?"), instrument.query("TEMP?")
    print("CURR? (0.25):", current)
    print("TEMP? (31.0):", temperature)
    instrument.close()
    manager.close()
    server.shutdown()
assert (current, temperature) == ("3.5", "0.25")
PY
