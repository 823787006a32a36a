from bess.protect.means import MINUTE_S, ROWS, Means


def add(means, seconds, current_ma=1000):
    for _ in range(seconds):
        means.add(current_ma, 800000, 33000, 33100, 200, 250, 5000)


def test_a_minute_becomes_one_row_of_its_means_and_extremes():
    means = Means()
    for second in range(MINUTE_S):
        means.add(
            second * 100, 800000 - second, 33000 - second, 33100 + second, -second, second, second
        )
    assert means.waiting == 1
    assert list(means.rows()) == [(2950, 799970, 32941, 33159, -59, 59, 59, 60)]


def test_a_minute_that_is_not_over_waits():
    means = Means()
    add(means, MINUTE_S - 1)
    assert means.waiting == 0
    add(means, 1)
    assert means.waiting == 1


def test_what_is_stored_leaves_and_minutes_begin_anew():
    means = Means()
    add(means, 3 * MINUTE_S)
    means.clear()
    assert list(means.rows()) == []
    add(means, MINUTE_S, -5)
    assert list(means.rows()) == [(-5, 800000, 33000, 33100, 200, 250, 5000, 60)]


def test_no_second_is_lost_while_it_waits_for_weeks():
    means = Means()
    for day in range(20):
        for minute in range(1440):
            add(means, 60, day * 1000 + minute)
        covered = 0
        for row in means.rows():
            covered += row[7]
        longest = list(means.rows())[-1][7]
        assert 86400 * (day + 1) - longest <= covered <= 86400 * (day + 1)
        assert means.waiting <= ROWS


def test_merged_rows_keep_the_extremes_and_the_order():
    means = Means()
    for minute in range(ROWS + 3):
        for _ in range(60):
            means.add(
                minute * 10, 800000, 30000 + minute, 33000 + minute, minute, 2 * minute, minute
            )
    rows = list(means.rows())
    assert len(rows) == ROWS // 2 + 2
    assert rows[0] == (5, 800000, 30000, 33001, 0, 2, 1, 120)
    assert rows[-1] == (655, 800000, 30065, 33066, 65, 132, 66, 120)


def test_a_row_covers_no_more_than_the_trend_can_say():
    means = Means()
    means._period_s = 40000
    for _ in range(ROWS + 1):
        means._seconds = means._period_s - 1
        means.add(0, 0, 0, 0, 0, 0, 0)
    assert [row[7] for row in means.rows()] == [65535] * (ROWS // 2) + [40000]
    for _ in range(ROWS // 2):
        means._seconds = means._period_s - 1
        means.add(0, 0, 0, 0, 0, 0, 0)
    assert means._period_s == 65535
    assert max([row[7] for row in means.rows()]) == 65535


def test_the_extremes_of_a_minute_may_stand_in_its_first_second():
    means = Means()
    means.add(0, 0, 30000, 36000, -100, 400, 0)
    add(means, MINUTE_S - 1)
    assert next(means.rows())[2:6] == (30000, 36000, -100, 400)


def test_two_rows_that_become_one_keep_the_extremes_of_either():
    means = Means()
    rows = []
    for minute in range(ROWS + 1):
        odd = minute * 7919 % 1000
        rows.append((odd, 800000 + odd, 30000 + odd, 34000 - odd, odd - 500, odd + 500, odd))
        for _ in range(MINUTE_S):
            means.add(*rows[-1])
    merged = list(means.rows())
    for at in range(ROWS // 2):
        first, second = rows[2 * at], rows[2 * at + 1]
        assert merged[at] == (
            (first[0] + second[0]) // 2, (first[1] + second[1]) // 2, min(first[2], second[2]),
            max(first[3], second[3]), min(first[4], second[4]), max(first[5], second[5]),
            second[6], 2 * MINUTE_S,
        )  # fmt: skip
