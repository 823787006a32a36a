#!/usr/bin/env bash
# pymodbus 3.16.1, TCP server: a request that comes while the last one is still in its (async) action takes
# over that one's answer. It goes out with the transaction identifier of the newer request: the very mark by
# which a client tells late answers apart then hands it a wrong value, here pymodbus' own client after one
# time-out. "MODBUS Messaging on TCP/IP" V1.0b: the server copies the identifier of the request (3.1.3), and
# several transactions may be under way on a connection. Two requests in one segment: the second is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pymodbus==3.16.1
cd "$folder"
venv/bin/python - 2>/dev/null <<'PY'
import asyncio
import socket
import struct
import threading

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = free.getsockname()
busy = 3.0


async def work(*_):
    await asyncio.sleep(busy)


async def serve():
    registers = SimData(0, values=list(range(100)), datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(1, [registers], action=work), address=address)
    await server.serve_forever(background=True)
    listening.set()
    await asyncio.sleep(600)


listening = threading.Event()
threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
assert listening.wait(60)
client = ModbusTcpClient(address[0], port=address[1], timeout=2, retries=0)
try:
    raise SystemExit(f"register 11: {client.read_holding_registers(11, count=1).registers}")
except ModbusIOException:
    print("register 11: no answer in time")
response = client.read_holding_registers(22, count=1)
print(f"register 22 is read as {response.registers[0]}, error: {response.isError()}")
assert response.registers == [11] and not response.isError()
client.close()

busy = 0.0
with socket.create_connection(address, timeout=3) as raw:
    request = struct.Struct(">HHHBBHH")
    raw.sendall(request.pack(1, 0, 6, 1, 3, 11, 1) + request.pack(2, 0, 6, 1, 3, 22, 1))
    answered = []
    try:
        while True:
            answered.append(struct.unpack(">H", raw.recv(11)[:2])[0])
    except TimeoutError:
        print("two requests in one segment: answered are", answered)
assert answered == [1]
PY
