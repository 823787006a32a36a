#!/usr/bin/env bash
# pymodbus 3.16.1: ModbusTcpClient with the RTU framer (a serial gateway) and one answer that comes after its
# time-out. The retry hides it: that call returns the right value. Its second answer stays in the socket, no
# call ever empties it (ModbusSerialClient does before each request), and from there on every call gets the
# answer of the call before, without an error. Not even the function code is compared: a register read
# "answers" the writing of a coil, though V1.1b3 (6.5) promises an echo of the request. close() heals it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pymodbus==3.16.1
cd "$folder"
venv/bin/python - <<'PY'
import asyncio
import socket
import threading
import time

from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = free.getsockname()
delays = [1.6]  # the first answer only


async def turnaround(*_):
    await asyncio.sleep(delays.pop() if delays else 0.1)


async def serve():
    registers = SimData(0, values=list(range(100)), datatype=DataType.REGISTERS)
    device = SimDevice(1, [registers], action=turnaround)
    server = ModbusTcpServer(device, address=address, framer=FramerType.RTU)
    await server.serve_forever(background=True)
    listening.set()
    await asyncio.sleep(600)


listening = threading.Event()
threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
assert listening.wait(60)
client = ModbusTcpClient(address[0], port=address[1], framer=FramerType.RTU, timeout=1)
seen = []
for register in (10, 20, 30, 40, 50):
    response = client.read_holding_registers(register, count=1)
    assert not response.isError()
    seen.append(response.registers[0])
    print(f"register {register} (holds {register}) is read as {seen[-1]}, after {response.retries} retries")
    time.sleep(1)
written = client.write_coil(0, True)
print(f"write_coil is answered by {type(written).__name__} {written.registers}, error: {written.isError()}")
client.close()
healed = client.read_holding_registers(60, count=1).registers
print("after close():", healed)
assert seen == [10, 10, 20, 30, 40]
assert type(written).__name__ == "ReadHoldingRegistersResponse" and not written.isError()
assert healed == [60]
PY
