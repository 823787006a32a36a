from bess.drivers.pcs_can import command_ids, status_ids
from bess.link.e2e import (
    OK,
    REPEATED,
    RESYNCHRONISING,
    WRONG_CRC,
    WRONG_LENGTH,
    WRONG_STEP,
    Checker,
    Sender,
    data_ids,
)

IDS = bytes(range(1, 17))


def frames(count, ids=IDS):
    sender = Sender(ids)
    out = []
    for _ in range(count):
        frame = bytearray(8)
        sender.protect(frame)
        out.append(frame)
    return out


def ready_checker(start):
    checker = Checker(IDS, 3, 5)
    for frame in start:
        checker.check(frame, 8)
    return checker


def test_vectors_of_the_design_page():
    sent = frames(16)
    assert [f[0] for f in sent[:4]] == [0x0E, 0x1B, 0x98, 0x31]
    assert sent[15][0] == 0xCD
    assert [f[1] for f in sent] == list(range(16))


def test_five_good_frames_synchronise():
    checker = Checker(IDS, 3, 5)
    results = [checker.check(f, 8) for f in frames(6)]
    assert results == [RESYNCHRONISING] * 4 + [OK, OK]


def test_errors_of_one_to_three_bits_fail_the_crc():
    """All single and double errors and a share of the triple ones, counter bits among them."""
    ids = data_ids(0, 2)
    sent = frames(6, ids)
    for a in range(64):
        for b in range(a, 64):
            for c in (b, 8, 9, 10, 11, (b + 7) % 64, 63):
                broken = bytearray(sent[5])
                bits = {a, b, c}
                for bit in bits:
                    broken[bit >> 3] ^= 1 << (bit & 7)
                checker = Checker(ids, 3, 1)
                checker.check(sent[4], 8)
                assert checker.check(broken, 8) == WRONG_CRC, bits


def test_repeats_are_refused():
    sent = frames(6)
    checker = ready_checker(sent)
    assert checker.check(sent[5], 8) == REPEATED


def test_up_to_two_lost_frames_are_bridged_and_three_are_not():
    sent = frames(16)
    assert ready_checker(sent[:6]).check(sent[8], 8) == OK
    checker = ready_checker(sent[:6])
    assert checker.check(sent[9], 8) == WRONG_STEP
    results = [checker.check(f, 8) for f in sent[10:15]]
    assert results == [RESYNCHRONISING] * 4 + [OK]


def test_an_error_while_resynchronising_starts_over():
    sent = frames(16)
    checker = Checker(IDS, 3, 5)
    for frame in sent[:4]:
        assert checker.check(frame, 8) == RESYNCHRONISING
    broken = bytearray(sent[4])
    broken[3] ^= 1
    assert checker.check(broken, 8) == WRONG_CRC
    results = [checker.check(f, 8) for f in sent[5:10]]
    assert results == [RESYNCHRONISING] * 4 + [OK]


def test_wrong_length_is_counted_and_refused():
    sent = frames(6)
    checker = ready_checker(sent[:5])
    assert checker.check(sent[5], 7) == WRONG_LENGTH
    assert checker.length_errors == 1


def test_restart_demands_five_good_ones():
    sent = frames(12)
    checker = ready_checker(sent[:6])
    checker.restart()
    assert [checker.check(f, 8) for f in sent[6:11]] == [RESYNCHRONISING] * 4 + [OK]


def test_lists_of_two_nodes_never_agree_and_of_two_kinds_at_one_counter_at_most():
    for node in range(1, 128):
        for kind in range(3):
            mine = data_ids(kind, node)
            for other in (node % 127 + 1, (node + 50) % 127 + 1):
                assert agreements(mine, data_ids(kind, other)) == 0
            for other_kind in range(3):
                if other_kind != kind:
                    assert agreements(mine, data_ids(other_kind, node)) <= 1


def test_the_lists_of_the_pcs_are_no_node_s_and_agree_with_one_at_one_counter_at_most():
    for ids in (command_ids(), status_ids()):
        for node in range(1, 128):
            for kind in range(4):
                assert agreements(ids, data_ids(kind, node)) <= 1
    assert agreements(command_ids(), status_ids()) <= 1


def agreements(a, b):
    count = 0
    for x, y in zip(a, b):
        count += 1 if x == y else 0
    return count


def test_verdicts_are_told_apart():
    assert tuple(range(6)) == (OK, WRONG_CRC, WRONG_LENGTH, REPEATED, WRONG_STEP, RESYNCHRONISING)


def flipped(frame):
    return bytes(frame[:7]) + bytes((frame[7] ^ 1,))


def test_every_refusal_is_counted_by_one_in_its_own_counter():
    checker = Checker(IDS, 3, 1)
    sent = frames(10)
    assert checker.check(sent[0], 8) == OK
    assert (checker.crc_errors, checker.counter_errors, checker.length_errors) == (0, 0, 0)
    checker.check(flipped(sent[1]), 8)
    assert (checker.crc_errors, checker.counter_errors, checker.length_errors) == (1, 0, 0)
    checker.check(sent[0], 8)
    assert (checker.crc_errors, checker.counter_errors, checker.length_errors) == (1, 1, 0)
    checker.check(sent[9], 8)
    assert (checker.crc_errors, checker.counter_errors, checker.length_errors) == (1, 2, 0)
    checker.check(sent[1], 7)
    checker.check(sent[1], 0)
    assert (checker.crc_errors, checker.counter_errors, checker.length_errors) == (1, 2, 2)


def test_a_repeat_while_resynchronising_starts_over():
    checker = Checker(IDS, 3, 5)
    sent = frames(12)
    for frame in sent[:4]:
        assert checker.check(frame, 8) == RESYNCHRONISING
    assert checker.check(sent[3], 8) == REPEATED
    for frame in sent[4:8]:
        assert checker.check(frame, 8) == RESYNCHRONISING
    assert checker.check(sent[8], 8) == OK


def test_an_error_after_synchronisation_costs_only_its_own_frame():
    checker = Checker(IDS, 3, 5)
    sent = frames(9)
    for frame in sent[:5]:
        checker.check(frame, 8)
    assert checker.check(flipped(sent[5]), 8) == WRONG_CRC
    assert checker.check(sent[6], 8) == OK
    assert checker.check(sent[6], 8) == REPEATED
    assert checker.check(sent[7], 8) == OK


def test_the_first_frame_may_have_any_counter():
    sent = frames(16)
    for first in sent:
        checker = Checker(IDS, 3, 1)
        assert checker.check(first, 8) == OK
        assert checker.counter_errors == 0


def test_the_counter_runs_0_to_15_and_leaves_the_high_nibble_alone():
    sender = Sender(IDS)
    for n in range(40):
        frame = bytearray(b"\x00\xa5" + bytes(6))
        sender.protect(frame)
        assert frame[1] == 0xA0 | n % 16


def test_data_ids_of_known_nodes():
    """Written down once, so that both ends of a bus agree over versions."""
    assert list(data_ids(0, 2)[:5]) == [2, 2 ^ 0x4E, 2 ^ 0x22, 2 ^ 0x4E ^ 0x22, 2 ^ 0x88]
    assert data_ids(0, 2)[8] == 2 ^ 0x36
    assert list(data_ids(1, 2)[:2]) == [0x82, 0x82 ^ 0xF6]
    assert data_ids(4, 7) == data_ids(0, 7)
    assert data_ids(3, 5)[15] == 0x85 ^ 0x95 ^ 0x7E ^ 0x30 ^ 0xA3
