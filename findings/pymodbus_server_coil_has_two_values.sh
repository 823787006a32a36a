#!/usr/bin/env bash
# pymodbus 3.16.1, server of one SimDevice with shared registers (the default): coil n is bit n modulo 16 of
# register n, and its neighbours are the other bits of that register. A coil that was just switched on reads
# True alone and False in a block; blocks that overlap disagree. V1.1b3 (4.4, 6.1): coils are addressed one
# by one, a block is "contiguous". The documented example of use_bit_addressing=False (one True at register
# 200, read_coils(200) gives True) holds at addresses that are multiples of 16 only, and 200 is none.
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

from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = free.getsockname()


async def serve():
    coils = SimData(0, count=8, datatype=DataType.REGISTERS)
    example = SimData(200, values=[True] + [False] * 15, datatype=DataType.BITS)
    server = ModbusTcpServer(SimDevice(1, [coils, example]), address=address)
    await server.serve_forever(background=True)
    listening.set()
    await asyncio.sleep(600)


listening = threading.Event()
threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
assert listening.wait(60)
client = ModbusTcpClient(address[0], port=address[1])
assert not client.write_coil(3, True).isError()
alone = client.read_coils(3, count=1).bits[0]
block = client.read_coils(0, count=8).bits
above = client.read_coils(2, count=2).bits[1]
print(f"coil 3, switched on: read alone {alone}, in coils 0..7 {block[3]}, in coils 2..3 {above}")
print("registers:", client.read_holding_registers(0, count=8).registers)
assert alone is True and block == [False] * 8 and above is False
documented = client.read_coils(200, count=1).bits[0]
sixteen = client.read_coils(200, count=16)
print(f"read_coils(200) of the documented example: {documented}; with count=16: {sixteen}")
assert documented is False and sixteen.isError() and sixteen.exception_code == 2
client.close()
PY
