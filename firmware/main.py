"""Starts the firmware: pins sys.path, builds the cabinet on its board, runs it.

From an image at /rom nothing else may be imported: a stale file in the file system would
shadow it. From the source tree (MicroPython's unix port, CPython) the unix board's folder joins.
"""

import sys

_X64 = 2  # sys.implementation._mpy >> 10, MicroPython's persistentcode.h


def board_name():
    """Folder of the board that this interpreter was built for."""
    return "unix" if sys.platform in ("linux", "darwin") else sys.implementation._build


def pin_path(here):
    """Only our own files can be imported, whatever lies around."""
    if here == "/rom":
        native = "x64" if (sys.implementation._mpy >> 10 & 15) == _X64 else "armv7m"
        # machine code of another processor is refused when it is imported: the plain twin runs
        sys.path[:] = ["/rom", "/rom/native/" + native, "/rom/boards/" + board_name(), ".frozen"]
        return
    tree = [here, here + "/native", here + "/../boards/unix"]
    if sys.implementation.name == "micropython":
        sys.path[:] = tree + [".frozen"]
    else:
        sys.path[:0] = tree


class Start:
    """What the loader knows: `root` of the board's files, `slot`, `on_trial`, `rolled_back`, the
    running `image` (memoryview) and its `sha256` (hexadecimal). From the source tree: nothing."""

    root = ""
    slot = 0
    on_trial = False
    rolled_back = False
    image = b""
    sha256 = ""


def main(arguments, start):
    """Run until the board ends it; returns the exit code."""
    import board
    from bess.app import Cabinet
    from bess.parameters import Parameters

    here = board.Board(arguments, start)

    def build():
        parameters = Parameters()
        here.configure(parameters)
        return Cabinet(here, parameters)

    try:
        here.configure(Parameters())
    except (KeyError, ValueError) as error:
        print("autarky firmware: refused parameter:", error.args[0])
        return 2
    return here.run(build)


if __name__ == "__main__":
    pin_path(__file__.rpartition("/")[0] or ".")
    sys.exit(main(sys.argv[1:], Start()))
