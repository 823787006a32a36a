"""The board's console: says what flashing waits for, takes Ctrl-C for service and ACK as a yes.

The interpreter's own Ctrl-C is off while the firmware runs: an exception in the middle of a
tick would leave outputs as they were.
"""

import sys

_CTRL_C = "\x03"
_ACK = "\x06"  # who holds the cable confirms the program on trial


class Console:
    """`step(cabinet)` in the slack of a second; `service` is True once service mode is wanted."""

    def __init__(self, poll):
        self._poll = poll
        self._said = ""
        self._node_id = -1
        self.service = False

    def step(self, cabinet):
        node_id = cabinet.node.node_id if cabinet.node.booted else 0
        if node_id and node_id != self._node_id:
            self._node_id = node_id
            print("autarky: heartbeat of node", node_id)
        said = cabinet.self_test_result
        if said != self._said:
            self._said = said
            print("autarky: self-test", said)
        while self._poll(0) and self._take(sys.stdin.read(1), cabinet):
            pass

    def _take(self, character, cabinet):
        """Judge one character; False at the end of the input."""
        if character == _CTRL_C and not self.service:
            if cabinet.at_rest:
                self.service = True
            else:
                print("autarky: contactors are closed: stop the cabinet first")
        elif character == _ACK:
            print("autarky: program", "not confirmed" if cabinet.confirm(1) else "confirmed")
        return character != ""
