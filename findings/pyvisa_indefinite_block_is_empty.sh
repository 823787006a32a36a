#!/usr/bin/env bash
# pyvisa 1.16.2: query_binary_values() of a block of indefinite length ("#0", IEEE 488.2 8.7.10; waveform and
# trace queries of many instruments) returns an empty list and no error. The same block read by write() and
# read_binary_values() raises: there data_points defaults to -1, here to 0. And over a socket, which has no
# END, a data byte 0Ah leaves the rest of the block in the line: the next, unrelated query returns it.
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

answers = {
    b"DEFINITE?\n": b"#14\x01\x02\x03\x04\n",
    b"INDEFINITE?\n": b"#0\x01\x02\x03\x04\n",
    b"LINE_FEED?\n": b"#0\x01\x0a42\n",
    b"VOLTAGE?\n": b"3.700\n",
}


class Instrument(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(answers[line])


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Instrument) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    manager = pyvisa.ResourceManager("@py")
    instrument = manager.open_resource(
        f"TCPIP::127.0.0.1::{server.server_address[1]}::SOCKET", read_termination="\n", write_termination="\n"
    )
    seen = {name: instrument.query_binary_values(name, "B") for name in ("DEFINITE?", "INDEFINITE?")}
    instrument.write("INDEFINITE?")
    try:
        raise SystemExit(f"read_binary_values: {instrument.read_binary_values('B')}")
    except ValueError as error:
        print("read_binary_values:", error)
    seen["LINE_FEED?"] = instrument.query_binary_values("LINE_FEED?", "B")
    seen["VOLTAGE?"] = instrument.query("VOLTAGE?")
    for query, answer in seen.items():
        print(f"{query:12} {answer!r}")
    instrument.close()
    manager.close()
    server.shutdown()
assert list(seen.values()) == [[1, 2, 3, 4], [], [], "42"]
PY
