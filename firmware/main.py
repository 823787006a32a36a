"""Starts the firmware on any board: pins sys.path, builds the cabinet, runs it.

On a board the image is mounted at /rom and nothing else may be imported: a stale file
in /flash would shadow it. From the source tree (MicroPython's unix port, CPython) the
unix board's folder joins.
"""

import sys


def pin_path(here):
    """Only our own files can be imported, whatever lies around."""
    if here == "/rom":
        sys.path[:] = ["/rom", ".frozen"]
        return
    tree = [here, here + "/native", here + "/../boards/unix"]
    if sys.implementation.name == "micropython":
        sys.path[:] = tree + [".frozen"]
    else:
        sys.path[:0] = tree


def main(arguments):
    """Run until the board ends it; returns the exit code."""
    import board
    from bess.app import Cabinet
    from bess.parameters import Parameters

    here = board.Board(arguments)

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
    sys.exit(main(sys.argv[1:]))
