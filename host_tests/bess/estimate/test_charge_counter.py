from bess.estimate import charge_counter as c
from bess.estimate.charge_counter import ChargeCounter

WRAP = 2**30


def counted_ma_ms(counter):
    """Everything the counter holds, in mA ms."""
    totals = counter.totals
    return (totals[c.MAH] * 1000 + totals[c.UAH]) * 3600 + totals[c.REMAINDER]


def test_an_hour_at_one_c_is_the_capacity_exactly():
    counter = ChargeCounter(2000)
    now = 0
    counter.add(0, now)
    for _ in range(36000):
        now += 100
        counter.add(280000, now)
    assert counted_ma_ms(counter) == 280000 * 3600 * 1000
    assert counter.totals[c.OUT_AH] == 280
    assert counter.totals[c.IN_AH] == counter.totals[c.IN_MAH] == 0


def test_every_milliampere_millisecond_is_kept_over_days_and_reboots():
    """As exact over a year: nothing here depends on how long it has run."""
    seed = 4
    counter = ChargeCounter(2000)
    now, expected = WRAP - 5000, 0
    counter.add(0, now)
    for second in range(50000):
        if second % 1000 == 999:  # a reboot takes the totals along and starts its clock anew
            kept = list(counter.totals)
            counter = ChargeCounter(2000)
            for i in range(c.COUNT):
                counter.totals[i] = kept[i]
            counter.add(0, now)
        seed = (seed * 1103515245 + 12345) % 2**31
        elapsed_ms = 1 + seed // 7 % 500
        current_ma = seed // 3 % 800001 - 400000
        now = (now + elapsed_ms) % WRAP
        counter.add(current_ma, now)
        expected += current_ma * elapsed_ms
        assert counted_ma_ms(counter) == expected


def test_small_currents_are_not_lost():
    """3 mA in 10 ms steps: each step is far below a microampere hour."""
    counter = ChargeCounter(2000)
    now = 0
    counter.add(0, now)
    for _ in range(120000):  # 1200 s at 3 mA: 1 mAh
        now += 10
        counter.add(3, now)
    assert counter.totals[c.MAH] == 1
    assert counter.totals[c.UAH] == counter.totals[c.REMAINDER] == 0


def test_throughput_carries_into_ampere_hours_both_ways():
    counter = ChargeCounter(2000)
    now = 0
    counter.add(0, now)
    for way in (1, -1):
        for _ in range(7200):
            now += 500
            counter.add(way * 3_600_000 // 3600 * 360, now)  # 360 A for an hour
    totals = counter.totals
    assert totals[c.OUT_AH] == totals[c.IN_AH] == 360
    assert counted_ma_ms(counter) == 0


def test_every_total_stays_a_small_integer_for_twenty_years():
    counter = ChargeCounter(2000)
    totals = counter.totals
    totals[c.OUT_AH] = totals[c.IN_AH] = 20 * 365 * 2 * 400  # two cycles a day of 400 Ah
    assert max(totals) < 2**30


def test_a_gap_counts_for_half_a_second_at_most():
    """A longer silence is a fault of its own; nobody knows what flowed."""
    counter = ChargeCounter(2000)
    counter.add(0, 0)
    counter.add(100000, 60000)
    assert counted_ma_ms(counter) == 100000 * 500


def test_open_contactors_learn_the_offset_and_count_nothing():
    counter = ChargeCounter(2000)
    now = 0
    for _ in range(1024):
        now += 10
        counter.rest(-137, now)
    assert counter.zero_ma == -137
    assert counted_ma_ms(counter) == 0
    counter.add(-137, now + 10)
    assert counted_ma_ms(counter) == 0


def test_an_offset_beyond_its_fault_limit_is_not_taken_up():
    counter = ChargeCounter(2000)
    for i in range(1024):
        counter.rest(9000, 10 * i)
    assert counter.zero_ma == 2000


def test_a_short_opening_does_not_make_an_offset():
    counter = ChargeCounter(2000)
    for i in range(1000):
        counter.rest(500, 10 * i)
    counter.add(1000, 10000)
    for i in range(1000):
        counter.rest(500, 10010 + 10 * i)
    assert counter.zero_ma == 0


def test_what_is_taken_is_counted_once():
    counter = ChargeCounter(2000)
    counter.add(0, 0)
    counter.add(36000, 100)
    assert counter.take_uah() == 1000
    assert counter.take_uah() == 0


def test_a_sensor_that_shows_its_most_at_rest_stays_within_small_integers():
    """1024 samples of 2000 A would sum up to 2 * 10**9."""
    for current_ma in (2000000, -2000000):
        counter = ChargeCounter(20000)
        for i in range(1023):
            counter.rest(current_ma, 10 * i)
            assert -(2**30) <= counter._zero_sum < 2**30
        counter.rest(current_ma, 10230)
        assert abs(counter.zero_ma) == 20000
