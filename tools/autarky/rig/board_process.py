"""A virtual board in a process of its own, until its input ends.

    python -m autarky.rig.board_process DIR

Its relay would stand in line with the plants for one interpreter; and with the process that wanted
it, its input ends by itself. Prints the path of its terminal.
"""

from __future__ import annotations

import sys
from pathlib import Path

from autarky.errors import AutarkyError
from autarky.flash.virtual_board import VirtualBoard


def main() -> int:
    """Exit code 1, and the sentence why, where it cannot start."""
    try:
        with VirtualBoard(Path(sys.argv[1])) as board:
            print(board.path, flush=True)
            sys.stdin.buffer.read()
    except AutarkyError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
