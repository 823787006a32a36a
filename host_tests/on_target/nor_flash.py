"""Model of a NOR flash for MicroPython's VfsLfs2: runs inside MicroPython.

Programming only clears bits; a half-erased block is left when an erase is cut.
"""

_EIO = -5


class PowerCut(Exception):
    pass


class Flash:
    """Block device of MicroPython's extended protocol; `left` steps until the power goes.

    A step is one programmed byte or one block erase; -1: no cut. `erases` counts those of each
    block, `programmed` all bytes.
    """

    def __init__(self, data, block):
        self.data = data
        self.block = block
        self.blocks = len(data) // block
        self.left = -1
        self.erases = [0] * self.blocks
        self.programmed = 0
        self.cut_in_erase = False
        self.dead = False  # files of a lost mount are still closed by the collector
        self._blank = b"\xff" * block

    def _step(self):
        if self.left == 0:
            raise PowerCut
        if self.left > 0:
            self.left -= 1

    def readblocks(self, block, buffer, offset=0):
        if self.dead:
            return _EIO
        at = block * self.block + offset
        buffer[:] = self.data[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        if self.dead:
            return _EIO
        at = block * self.block + offset
        count = len(buffer)
        self.programmed += count
        if self.left < 0 and self.data[at : at + count] == self._blank[:count]:
            self.data[at : at + count] = buffer
            return 0
        for i in range(count):
            self._step()
            # what was not erased cannot be set again
            self.data[at + i] &= buffer[i]
        return 0

    def ioctl(self, operation, argument):
        if self.dead:
            return _EIO
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.block
        if operation == 6:
            at = argument * self.block
            if self.left == 0:
                self.cut_in_erase = True
                for i in range(0, self.block, 2):
                    self.data[at + i] = 0xFF
            self._step()
            self.erases[argument] += 1
            self.data[at : at + self.block] = self._blank
        return 0
