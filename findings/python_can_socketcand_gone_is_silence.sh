#!/usr/bin/env bash
# python-can 4.6.1, interface "socketcand": when the server has gone, recv() goes on to return None like a
# quiet bus, with state ACTIVE (and one core spinning); "no frame may come after the trip" passes on a dead
# link. BusABC.recv promises CanOperationError for an error while reading. send() first succeeds into nothing,
# then raises BrokenPipeError, which is no CanError. A remote frame leaves as a data frame that announces its
# DLC and carries no byte of it; socketcand's "< send id dlc [data]* >" has no remote frames. And on a bus
# with traffic opening fails by chance: when the first frame comes in one TCP segment with the last "< ok >".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-can==4.6.1
cd "$folder"
venv/bin/python - <<'PY'
import socketserver
import threading
import time

import can

frame = b"< frame 123 1700000000.500000 0102 >"
gone = threading.Event()
sent = []


class Socketcand(socketserver.BaseRequestHandler):
    last_answer = b"< ok >"

    def handle(self):
        self.request.sendall(b"< hi >")
        for answer in (b"< ok >", self.last_answer):
            self.request.recv(100)
            self.request.sendall(answer)
        sent.append(self.request.recv(100).decode())
        self.request.sendall(frame)

    def finish(self):
        self.request.close()
        gone.set()


class OnBusyBus(Socketcand):
    last_answer = b"< ok >" + frame

    def finish(self):
        pass


def opened(handler):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address
    return can.Bus(interface="socketcand", host=host, port=port, channel="can0")


def send(message):
    try:
        bus.send(message)
        return "success"
    except Exception as error:
        return error


bus = opened(Socketcand)
bus.send(can.Message(arbitration_id=0x123, is_extended_id=False, is_remote_frame=True, dlc=3))
print("frame:", bus.recv(10))
assert gone.wait(60)
print("remote frame of DLC 3 was sent as:", sent)
assert sent == ["< send 123 3  >"]
for _ in range(2):
    busy = time.process_time()
    received = bus.recv(1.0)
    print(f"server gone: recv() gives {received}, state {bus.state}, {time.process_time() - busy:.1f} s of CPU")
    assert received is None and bus.state is can.BusState.ACTIVE
results = []
for _ in range(3):
    results.append(send(can.Message(arbitration_id=0x123, is_extended_id=False, data=b"\x01")))
    time.sleep(0.5)
print("server gone: send() gives", results)
assert results[0] == "success"
assert isinstance(results[-1], OSError) and not isinstance(results[-1], can.CanError)
bus.shutdown()
try:
    raise SystemExit(f"opened: {opened(OnBusyBus)}")
except can.CanError as error:
    print("busy bus:", error)
PY
