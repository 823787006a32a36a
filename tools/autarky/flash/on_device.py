"""Runs on the board, through mpremote, for `autarky flash`: one JSON line out of each call."""

import json
import os
import sys
from binascii import hexlify, unhexlify
from hashlib import sha256

ROOT = "/flash"


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _rom():
    import vfs

    if not hasattr(vfs, "rom_ioctl") or vfs.rom_ioctl(1) <= 0:
        return None
    segment = vfs.rom_ioctl(2, 0)
    return None if isinstance(segment, int) else memoryview(segment)


def _hash(read, size):
    digest = sha256(b"")
    for at in range(0, size, 4096):
        digest.update(read(at, min(4096, size - at)))
    return hexlify(digest.digest()).decode()


def _file_hash(path):
    if not _exists(path):
        return ""
    with open(path, "rb") as file:
        return _hash(lambda at, count: file.read(count), os.stat(path)[6])


def _forget():
    """Loader and program have modules of the same names."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("bess", "board", "wire"):
            del sys.modules[name]


def _slots():
    """The slots, by the loader's own code; None before the board has one."""
    if not _exists(ROOT + "/loader/bess/port/slots.mpy"):
        return None
    sys.path.insert(0, ROOT + "/loader")
    try:
        from bess.port.slots import open_slots

        return open_slots(ROOT)
    finally:
        sys.path.pop(0)
        _forget()


def probe(image_bytes, files):
    """Everything the host wants to know before it changes anything."""
    import vfs

    mounts = []
    for filesystem, place in vfs.mount():
        mounts.append([place, str(filesystem)])
    rom = _rom()
    slots = _slots()
    found = {
        "build": getattr(sys.implementation, "_build", ""),
        "machine": getattr(sys.implementation, "_machine", ""),
        "version": list(sys.implementation.version[:3]),
        "platform": sys.platform,
        "mounts": mounts,
        "rom_bytes": len(rom) if rom else 0,
        "rom_sha256": "",
        "service": _exists(ROOT + "/service"),
        "files": {},
        "active": -1,
        "trial": -1,
        "programs": [],
    }
    if rom and image_bytes <= len(rom):
        found["rom_sha256"] = _hash(lambda at, count: rom[at : at + count], image_bytes)
    for name in files:
        found["files"][name] = _file_hash(ROOT + "/" + name)
    if slots:
        found["active"] = slots.active
        found["trial"] = slots.trial
        for slot in (0, 1):
            manifest = slots.package(slot).manifest
            found["programs"].append([manifest.get("version", ""), manifest.get("sha256", "")])
    print(json.dumps(found))


def read_back(size):
    """Hashes of the ROM's blocks of 4 KiB, eight digits each, and which are blank."""
    rom = _rom()
    out = []
    for at in range(0, size, 4096):
        block = rom[at : min(at + 4096, size)]
        blank = bytes(block) == b"\xff" * len(block)
        out.append(hexlify(sha256(block).digest()[:4]).decode() + ("*" if blank else ""))
    print(json.dumps(out))


def enter_service():
    with open(ROOT + "/service", "w"):
        pass
    print("{}")


def spare():
    """The slot that a new program goes to; from now on nothing starts from it."""
    slots = _slots()
    slots.claim()
    print(json.dumps({"slot": slots.spare}))


def fill_slot(slot, head, size):
    """A package in a slot, out of its head (hexadecimal) and the image that stands in the ROM."""
    rom = _rom()
    with open("%s/slot%d.bin" % (ROOT, slot), "wb") as file:
        file.write(unhexlify(head))
        for at in range(0, size, 4096):
            file.write(rom[at : min(at + 4096, size)])
    check_slot(slot)


def check_slot(slot):
    """Hash of the image as the slot holds it."""
    package = _slots().package(slot)
    digest = "" if package.manifest else "-"
    hasher = package.hasher()
    while not digest:
        digest = hasher.step() or ""
    print(json.dumps({"sha256": digest}))


class _Facts:
    """What update.update asks of a board."""

    def __init__(self, name, program_bytes, lines):
        self.name = name
        self.program_bytes = program_bytes
        self.interpreter = sys.implementation.version[:2]
        self.update_key = b""
        self.oldest = 0
        for line in lines.split("\n"):
            key, _, value = line.partition("=")
            if key == "@update_key":
                self.update_key = unhexlify(value)
            elif key == "program_oldest":
                self.oldest = int(value)


def verify(name, program_bytes):
    """The firmware's own checks on the package in the spare slot; a good one is tried next."""
    import vfs

    path = sys.path[:]
    vfs.mount(vfs.VfsRom(_rom()), "/check")
    sys.path[:] = ["/check"]
    try:
        from bess.port.slots import open_slots
        from bess.port.storage import provisioned
        from bess.update import states, update

        slots = open_slots(ROOT)
        facts = _Facts(name, program_bytes, provisioned(ROOT))
        job = update.Update(facts, slots, facts.oldest)
        job.received = os.stat("%s/slot%d.bin" % (ROOT, slots.spare))[6]
        job.state = states.CHECKING
        while job.state == states.CHECKING:
            job.step()
        if job.state == states.VERIFIED:
            job.activate()
        print(json.dumps({"refusal": job.refusal}))
    finally:
        sys.path[:] = path
        _forget()
        vfs.umount("/check")


def install(slot):
    _slots().install(slot)
    print("{}")


def _program():
    """The image that was installed: in place, or read where a board has no ROMFS."""
    rom = _rom()
    if rom:
        return rom
    slots = _slots()
    package = slots.package(slots.active)
    data = bytearray(package.size)

    def put(offset, part):
        data[offset : offset + len(part)] = part

    package.copy(put)
    return data


def backup(name):
    """Give new backup memory its first valid record, where the board's own file says it lies."""
    import vfs

    path = sys.path[:]
    vfs.mount(vfs.VfsRom(_program()), "/check")
    sys.path[:] = ["/check", "/check/boards/" + name]
    try:
        import board
        from bess.protect.history import provision
        from bess.protect.latches import Latches

        memory = board.backup_memory()
        blank = Latches(memory).blank
        if blank:
            provision(memory)
        print(json.dumps({"backup": "new" if blank else "kept"}))
    finally:
        sys.path[:] = path
        _forget()
        vfs.umount("/check")


def provision_text():
    """Content of provision.bin, hexadecimal; empty where there is none."""
    path = ROOT + "/provision.bin"
    content = ""
    if _exists(path):
        with open(path, "rb") as file:
            content = hexlify(file.read()).decode()
    print(json.dumps({"provision": content}))


def leave_service():
    try:
        os.remove(ROOT + "/service")
    except OSError:
        pass  # nobody was in it
    print("{}")
