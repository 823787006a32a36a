"""Runs inside MicroPython, of 32 or 64 bits: heap of a board's whole cabinet after boot.

The caller sets `FOLDER` (compiled files), `NAME` (board), `ROOT` (its file system) before.
`machine` and `select` are stand-ins without weight of their own in the result. Its parts are run
one by one, since the WebAssembly port collects between two calls from its host only.
"""

import gc
import sys


class Device:
    IRQ_RX = 2
    STATE_BUS_OFF = 4
    IN = OUT = PULL_UP = IRQ_FALLING = 0

    def __init__(self, *arguments, **names):
        pass

    def value(self, level=None):
        return 0

    def nothing(self, *arguments, **names):
        return None

    duty_u16 = write = readinto = write_readinto = set_filters = irq = recv = send = init = (
        restart
    ) = nothing
    feed = state = read_u16 = register = poll = nothing


class Pins(Device):
    def __getattr__(self, name):
        return name


class Machine:
    Pin = Signal = ADC = PWM = SPI = CAN = WDT = Device
    WDT_RESET = 3

    def freq(self, hertz):
        pass

    def reset_cause(self):
        return 1

    def mem_backup(self):
        return bytearray(128)


class Select:
    POLLIN = 1
    poll = Device


Device.cpu = Pins()
sys.modules["machine"] = Machine()
sys.modules["select"] = Select
sys.path[:] = [FOLDER]  # noqa: F821
import main as program

sys.path[:] = [FOLDER, FOLDER + "/boards/" + NAME]  # noqa: F821
start = program.Start()
start.root = ROOT  # noqa: F821
gc.collect()
# next part
before = gc.mem_alloc()
import board
from bess.app import Cabinet
from bess.parameters import Parameters

here = board.Board([], start)
parameters = Parameters()
here.configure(parameters)
cabinet = Cabinet(here, parameters)
gc.collect()
# next part
print("heap", gc.mem_alloc() - before)
