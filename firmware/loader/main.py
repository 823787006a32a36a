"""The first file that runs: /flash/main.py on a board. Starts the loader, then the program.

A program that ends by an exception is followed by a reset: on trial it then is rolled back.
"""

import gc
import sys
import time

import machine
import vfs

_TRIAL_WATCHDOG_MS = 8000
_PAUSE_S = 10
_RESET = 64  # exit code of a program that wants the chip reset


def forget(names):
    """The loader's modules make room for the program's own of the same names."""
    for name in list(sys.modules):
        if name.split(".")[0] in names:
            del sys.modules[name]
    gc.collect()


def start(root, arguments):
    """Run the chosen program; returns its exit code, 0 in service mode and when there is none."""
    sys.path[:] = [root + "/loader", ".frozen"]
    import loader
    import rom

    place = rom.find(vfs)
    boot = loader.Loader(root, place, lambda text: print("autarky loader:", text))
    if boot.in_service:
        print("autarky loader: service mode")
        return 0
    found = boot.prepare()
    if found is None:
        print("autarky loader: no program that can run; flash the board by cable")
        return _RESET
    slot, package = found
    print("autarky loader: version %s from slot %d" % (package.manifest["version"], slot))
    on_trial = slot == boot.slots.trial
    if on_trial and hasattr(machine, "WDT"):
        machine.WDT(timeout=_TRIAL_WATCHDOG_MS)  # a trial that hangs before its own watchdog runs
    image = place.view()[: package.size]
    try:
        vfs.umount("/rom")
    except OSError:
        pass  # the port mounts it by itself where it finds a whole header
    vfs.mount(vfs.VfsRom(image), "/rom")
    known = (root, slot, on_trial, boot.rolled_back, image, package.sha256)
    del boot, place, found, package, loader, rom
    sys.path[:] = ["/rom"]
    forget(("loader", "rom", "bess"))
    code = _RESET
    try:
        import main

        main.pin_path("/rom")
        begin = main.Start()
        begin.root, begin.slot, begin.on_trial, begin.rolled_back, begin.image, begin.sha256 = known
        code = main.main(arguments, begin)
    except (Exception, SystemExit) as error:
        sys.print_exception(error)
    return _RESET if on_trial else code


def run(root, arguments):
    """`start`, and a reset of the chip after a program that failed or asked for it.

    Where none could be started the chip is reset after a while, since the cause may pass; until
    then Ctrl-C leads to the prompt.
    """
    try:
        code = start(root, arguments)
    except Exception as error:
        sys.print_exception(error)
        code = _RESET
    if code == _RESET:
        if "main" not in sys.modules:  # the image's: nothing was started
            time.sleep(_PAUSE_S)
        machine.reset()
    return code


if __name__ == "__main__":
    run("/flash", sys.argv[1:] if hasattr(sys, "argv") else [])
