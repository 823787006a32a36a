"""The board's console: says what flashing waits for, takes Ctrl-C for service and ACK as a yes.

The interpreter's own Ctrl-C is off while the firmware runs: an exception in the middle of a
tick would leave outputs as they were.
"""

import select
import sys

_CTRL_C = "\x03"
_ACK = "\x06"  # who holds the cable confirms the program on trial


class Console:
    """`step(cabinet)` in the slack of a second; True when the chip is to start in service mode.

    root: folder of the board's files, where the loader looks for the file `service`.
    """

    def __init__(self, root):
        self._root = root
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
        said = cabinet.self_test_result
        if said != self._said:
            self._said = said
            print("autarky: self-test", said)
        while self._poll(0):
            character = sys.stdin.read(1)
            if not character:
                break  # nobody is there
            if character == _ACK:
                print("autarky: program", "not confirmed" if cabinet.confirm(1) else "confirmed")
            elif character == _CTRL_C and not cabinet.at_rest:
                print("autarky: contactors are closed: stop the cabinet first")
            elif character == _CTRL_C:
                with open(self._root + "/service", "w"):
                    return True
        return False
