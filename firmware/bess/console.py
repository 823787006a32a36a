"""The board's console: says what flashing waits for, takes Ctrl-C for service and ACK as a yes.

The interpreter's own Ctrl-C is off while the firmware runs: an exception in the middle of a
tick would leave outputs as they were.
"""

import select
import sys

_CHARACTERS = 8  # a step: a flood of them costs no tick
_CTRL_C = b"\x03"
_ACK = b"\x06"  # who holds the cable confirms the program on trial


class Console:
    """`step(cabinet)` in the slack of a second; True when the chip is to start in service mode.

    root: folder of the board's files, where the loader looks for the file `service`.
    """

    def __init__(self, root):
        self._root = root
        self._stdin = sys.stdin.buffer  # bytes: a text stream waits for the rest of a character
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        self._poll = poller.poll
        self._said = ""
        self._node_id = 0

    def step(self, cabinet):
        node_id = cabinet.node.node_id if cabinet.node.booted else 0
        if node_id and node_id != self._node_id:
            self._node_id = node_id
            print("autarky: heartbeat of node", node_id)
        said = cabinet.modes.self_test_result()
        if said != self._said:
            self._said = said
            print("autarky: self-test", said)
        for _ in range(_CHARACTERS):
            if not self._poll(0):
                return False
            character = self._stdin.read(1)
            if character == _ACK:
                print(
                    "autarky: program",
                    "not confirmed" if cabinet.command.confirm(1) else "confirmed",
                )
            elif character == _CTRL_C and cabinet.at_rest():
                with open(self._root + "/service", "w"):
                    return True
            elif character == _CTRL_C:
                print("autarky: contactors are closed: stop the cabinet first")
                return False
        return False
