#!/usr/bin/env bash
# pyvisa-py 0.8.1, TCPIP::...::SOCKET: open_resource() succeeds where nobody listens. What fails is the first
# query, with ConnectionRefusedError; and an instrument that hung up is reported as VI_ERROR_TMO, "Timeout
# expired", while one core spins, then as BrokenPipeError. The OSErrors are no VisaIOError, so
# "except VisaIOError" around a query lets them through. VPP-4.3: viOpen ends in VI_ERROR_RSRC_NFOUND, viRead
# and viWrite in VI_ERROR_CONN_LOST.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyvisa==1.16.2 pyvisa-py==0.8.1
cd "$folder"
venv/bin/python - <<'PY'
import socket
import threading
import time

import pyvisa

manager = pyvisa.ResourceManager("@py")


def opened(port):
    return manager.open_resource(
        f"TCPIP::127.0.0.1::{port}::SOCKET", read_termination="\n", write_termination="\n", timeout=1000
    )


def query(instrument):
    busy = time.process_time()
    try:
        answer = instrument.query("*IDN?")
    except Exception as error:
        answer = error
    print(f"  *IDN? -> {answer!r:.60} ({time.process_time() - busy:.1f} s of CPU)")
    return answer


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
absent = opened(port)
print("opened, though nobody listens:", absent)
refused = query(absent)
assert isinstance(refused, OSError) and not isinstance(refused, pyvisa.VisaIOError)

with socket.create_server(("127.0.0.1", 0)) as server:
    instrument = opened(server.getsockname()[1])
    connection, _ = server.accept()


def answer_once_and_hang_up():
    with connection:
        connection.recv(100)
        connection.sendall(b"cell emulator\n")


threading.Thread(target=answer_once_and_hang_up).start()
print("an instrument that hangs up after one answer:")
first, second, *later = [query(instrument) for _ in range(4)]
assert first == "cell emulator"
assert isinstance(second, pyvisa.VisaIOError) and second.error_code == pyvisa.constants.StatusCode.error_timeout
assert isinstance(later[-1], OSError) and not isinstance(later[-1], pyvisa.VisaIOError)
PY
