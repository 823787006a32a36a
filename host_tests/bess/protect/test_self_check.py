from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.protect.self_check import SelfCheck


class Board:
    def __init__(self):
        self.ram = True
        self.program = True
        self.cause = "power"

    def ram_intact(self):
        return self.ram

    def program_intact(self):
        return self.program

    def reset_cause(self):
        return self.cause


class Keeper:
    damaged = False


def build(board=None, damaged=False):
    keeper = Keeper()
    keeper.damaged = damaged
    signals = Signals()
    return SelfCheck(board or Board(), keeper, signals), signals


def test_a_well_controller_is_ready_after_one_slice():
    check, signals = build()
    assert not check.ready
    check.step_slow()
    assert check.ready
    assert signals.value[s.RAM_TEST] == 0
    assert signals.value[s.PROGRAM_HASH] == 0
    assert signals.count[s.PROGRAM_HASH] == 1


def test_every_canary_is_looked_at_with_every_pattern():
    for canary in range(8):
        for slices in range(40):
            check, signals = build()
            for _ in range(slices):
                check.step_slow()
            check._canaries[canary][7] ^= 0x10
            for _ in range(9):
                check.step_slow()
            assert signals.value[s.RAM_TEST] == 1, (canary, slices)
            assert not check.ready


def test_a_ram_fault_stays():
    board = Board()
    check, signals = build(board)
    board.ram = False
    check.step_slow()
    board.ram = True
    check.step_slow()
    assert signals.value[s.RAM_TEST] == 1


def test_an_unfinished_hash_says_nothing_and_a_wrong_one_trips():
    board = Board()
    board.program = None
    check, signals = build(board)
    check.step_slow()
    assert signals.count[s.PROGRAM_HASH] == 0
    board.program = False
    check.step_slow()
    assert signals.value[s.PROGRAM_HASH] == 1


def test_what_stood_at_boot_waits_for_the_operator():
    board = Board()
    board.cause = "watchdog"
    check, signals = build(board, damaged=True)
    assert signals.value[s.WATCHDOG_RESET] == 1
    assert signals.value[s.PARAMETERS_CORRUPT] == 1
    signals.put(s.UNCLEAN_STOP, 1)
    signals.put(s.CLOCK, 1)
    check.operator_reset()
    for signal in (s.WATCHDOG_RESET, s.PARAMETERS_CORRUPT, s.UNCLEAN_STOP, s.CLOCK):
        assert signals.value[signal] == 0
        assert signals.count[signal] == 2


def test_a_reset_gives_a_sample_to_latches_that_were_restored_at_boot():
    check, signals = build()
    check.operator_reset()
    for signal in (s.WATCHDOG_RESET, s.PARAMETERS_CORRUPT, s.UNCLEAN_STOP, s.CLOCK):
        assert (signals.value[signal], signals.count[signal]) == (0, 1)


def test_nothing_stands_at_a_good_boot():
    _, signals = build()
    assert signals.count[s.WATCHDOG_RESET] == 0
    assert signals.count[s.PARAMETERS_CORRUPT] == 0


def test_the_clock_may_neither_stand_nor_jump():
    for step, good in ((10, True), (1, True), (100, True), (101, False), (0, False), (-10, False)):
        check, signals = build()
        check.step_fast(1000)
        check.step_fast(1000 + step)
        assert (signals.value[s.CLOCK] == 0) == good, step


def test_the_clock_s_wrap_is_no_jump():
    check, signals = build()
    check.step_fast(2**30 - 5)
    check.step_fast(5)
    assert signals.count[s.CLOCK] == 0


def test_a_jump_is_put_once():
    check, signals = build()
    check.step_fast(0)
    check.step_fast(5000)
    check.step_fast(5000)
    assert signals.count[s.CLOCK] == 1


def test_canaries_are_written_one_a_call_with_four_patterns_in_turns():
    check, signals = build()
    expected = [0x55] * 8
    assert [len(canary) for canary in check._canaries] == [64] * 8
    for pattern in (0xAA, 0x00, 0xFF, 0x55, 0xAA):
        for canary in range(8):
            check.step_slow()
            expected[canary] = pattern
            assert check._canaries == [bytearray(bytes([byte]) * 64) for byte in expected]
            assert signals.value[s.RAM_TEST] == 0


def test_every_byte_of_a_canary_counts():
    for byte in range(64):
        check, signals = build()
        check._canaries[0][byte] ^= 1
        check.step_slow()
        assert signals.value[s.RAM_TEST] == 1


def test_the_clock_is_judged_from_its_second_stamp_even_at_zero():
    check, signals = build()
    check.step_fast(0)
    assert signals.count[s.CLOCK] == 0
    check.step_fast(101)
    assert (signals.value[s.CLOCK], signals.count[s.CLOCK]) == (1, 1)
