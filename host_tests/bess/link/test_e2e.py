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


def agreements(a, b):
    count = 0
    for x, y in zip(a, b):
        count += 1 if x == y else 0
    return count
