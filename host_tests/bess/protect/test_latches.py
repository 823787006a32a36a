from rigs.latches import latch, unlatch

from bess.protect.history import SIZE as HISTORY_SIZE
from bess.protect.history import provision
from bess.protect.latches import SIZE, Latches


class Cut(Exception):
    pass


class Memory:
    """Backup memory that loses power after a number of written bytes."""

    def __init__(self):
        self.data = bytearray(b"\xff" * SIZE)
        self.left = -1

    def __getitem__(self, at):
        return self.data[at]

    def __setitem__(self, at, value):
        if self.left == 0:
            raise Cut
        if self.left > 0:
            self.left -= 1
        self.data[at] = value


def found(memory):
    latches = Latches(memory)
    return latches.running, [i for i in range(1, 128) if latches.has(i)]


def test_blank_memory_holds_nothing():
    for fill in (b"\xff", b"\x00", b"\x55"):
        latches = Latches(bytearray(fill * SIZE))
        assert latches.blank
        assert not latches.running
        assert not any(latches.has(i) for i in range(1, 128))


def test_every_id_is_kept_and_forgotten_by_itself():
    memory = bytearray(SIZE)
    latches = Latches(memory)
    for fault in range(1, 128):
        latch(latches, fault)
        assert found(memory) == (False, [fault])
        unlatch(latches, fault)
        assert found(memory) == (False, [])
    assert not latches.blank


def test_the_running_mark_is_kept():
    memory = bytearray(SIZE)
    latches = Latches(memory)
    latches.set_running(True)
    assert found(memory) == (True, [])
    latch(latches, 19)
    latches.set_running(False)
    assert found(memory) == (False, [19])


def test_a_cut_at_every_byte_leaves_the_old_or_the_new():
    """No latch that was written is lost, none appears that was not."""
    for cut in range(60):
        memory = Memory()
        latches = Latches(memory)
        latches.set_running(True)
        latch(latches, 3)
        memory.left = cut
        try:
            latch(latches, 77)
            finished = True
        except Cut:
            finished = False
        memory.left = -1
        assert found(memory) == (True, [3, 77] if finished else [3]), cut
    assert finished


def add_until_cut(latches, fault):
    try:
        latch(latches, fault)
    except Cut:
        return False
    return True


def test_after_a_cut_it_goes_on():
    for cut in range(1, 20):
        memory = Memory()
        latches = Latches(memory)
        latch(latches, 3)
        memory.left = cut
        assert not add_until_cut(latches, 77)
        memory.left = -1
        again = Latches(memory)
        latch(again, 5)
        unlatch(again, 3)
        assert found(memory)[1] in ([5], [5, 77])


def test_the_newer_half_wins_across_the_sequence_s_wrap():
    memory = bytearray(SIZE)
    latches = Latches(memory)
    for n in range(600):
        fault = n % 127 + 1
        latch(latches, fault)
        assert found(memory)[1] == [fault], n
        unlatch(latches, fault)
        assert found(memory)[1] == [], n


def test_any_flipped_bit_is_noticed_or_harmless():
    memory = bytearray(SIZE)
    latches = Latches(memory)
    latch(latches, 3)
    latch(latches, 77)
    before = bytes(memory)
    for at in range(SIZE):
        for bit in range(8):
            broken = bytearray(before)
            broken[at] ^= 1 << bit
            assert found(broken)[1] in ([3], [3, 77]), (at, bit)


def test_what_is_there_already_is_not_written_again():
    memory = bytearray(SIZE)
    latches = Latches(memory)
    latch(latches, 9)
    latches.set_running(True)
    before = bytes(memory)
    latch(latches, 9)
    latches.set_running(True)
    unlatch(latches, 10)
    assert bytes(memory) == before


def test_every_start_goes_on_where_the_last_one_ended():
    memory = bytearray(SIZE)
    for fault in range(1, 20):
        latches = Latches(memory)
        latch(latches, fault)
        assert found(memory) == (False, list(range(1, fault + 1)))
    for fault in range(1, 20):
        latches = Latches(memory)
        unlatch(latches, fault)
        assert found(memory) == (False, list(range(fault + 1, 20)))


def test_provisioned_memory_is_valid_and_empty():
    for fill in (b"\xff", b"\x00", b"\x55"):
        memory = bytearray(fill * HISTORY_SIZE)
        provision(memory)
        assert not Latches(memory).blank
        assert found(memory) == (False, [])


def test_blank_is_told_until_something_is_written():
    latches = Latches(bytearray(SIZE))
    assert latches.blank
    latch(latches, 1)
    assert not latches.blank


def fletcher(data):
    """Written apart from the firmware: Fletcher-16 with seeds that no erased memory gives."""
    low, high = 0x5A, 0xA5
    for byte in data:
        low = (low + byte) % 255
        high = (high + low) % 255
    return bytes((low, high))


def half(sequence, running, *faults):
    body = bytearray(18)
    body[0] = sequence
    body[1] = running
    for fault in faults:
        body[2 + fault // 8] |= 1 << fault % 8
    return bytes(body) + fletcher(body)


def test_the_stored_bytes_are_a_contract():
    """A controller with newer firmware reads what an older one latched."""
    assert SIZE == 40
    memory = Memory()
    latches = Latches(memory)
    latch(latches, 3)
    assert bytes(memory.data) == half(1, 0, 3) + b"\xff" * 20
    latches.set_running(True)
    assert bytes(memory.data) == half(1, 0, 3) + half(2, 1, 3)
    latch(latches, 127)
    assert bytes(memory.data) == half(3, 1, 3, 127) + half(2, 1, 3)
    again = Latches(memory)
    unlatch(again, 3)
    assert bytes(memory.data) == half(3, 1, 3, 127) + half(4, 1, 127)
    for sequence in range(5, 300):
        again.set_running(not again.running)
        assert bytes(memory.data[20 * (1 - sequence % 2) :][:20]) == half(
            sequence & 0xFF, 1 if again.running else 0, 127
        )


def test_the_first_byte_written_makes_the_half_invalid():
    memory = Memory()
    latches = Latches(memory)
    latch(latches, 3)
    latch(latches, 4)
    before = bytes(memory.data)
    memory.left = 1
    assert not add_until_cut(latches, 5)
    changed = [i for i in range(SIZE) if memory.data[i] != before[i]]
    assert changed == [18]
    assert memory.data[18] == before[18] ^ 0xFF


def test_a_whole_half_wins_over_a_torn_one_of_either_side():
    for torn in (0, 20):
        memory = bytearray(SIZE)
        latches = Latches(memory)
        latch(latches, 3)
        latch(latches, 4)
        memory[torn + 7] ^= 1
        again = Latches(memory)
        assert again.has(3) is True
        assert again.has(4) is (torn == 0)
        assert again.blank is False


def test_a_half_that_is_not_whole_is_told_whichever_it_is():
    memory = bytearray(SIZE)
    latches = Latches(memory)
    latch(latches, 19)
    latch(latches, 20)
    assert Latches(memory).torn is False
    for at in (0, SIZE // 2):
        memory[at] ^= 1
        assert Latches(memory).torn is True
        memory[at] ^= 1
