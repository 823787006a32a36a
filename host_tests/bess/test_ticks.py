from bess.port.ticks import TICKS_MASK, ticks_add, ticks_diff

EDGES = (0, 1, 9, 10, 2**29 - 1, 2**29, 2**30 - 10, 2**30 - 1)


def test_diff_undoes_add_across_the_wrap():
    for start in EDGES:
        for step in (-100000, -1, 0, 1, 10, 100000, 2**29 - 1):
            end = ticks_add(start, step)
            assert 0 <= end <= TICKS_MASK
            assert ticks_diff(end, start) == step


def test_diff_is_plain_where_nothing_wraps():
    assert ticks_diff(1500, 500) == 1000
    assert ticks_diff(500, 1500) == -1000


def test_diff_over_the_wrap():
    assert ticks_diff(5, 2**30 - 5) == 10
    assert ticks_diff(2**30 - 5, 5) == -10
