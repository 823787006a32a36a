from bess.estimate.charge_counter import ChargeCounter, soc_from_rest_cpct


def test_an_hour_at_one_c_empties_the_cell_exactly():
    counter = ChargeCounter(280000)
    counter.anchor(10000, 0)
    now = 0
    for _ in range(36000):
        now += 100
        counter.add(280000, now)
    assert counter.soc_cpct == 0
    assert counter.usable_mah() == (280000, 0)


def test_small_currents_are_not_lost():
    """3 mA in 10 ms steps: each step is far below a microampere hour."""
    counter = ChargeCounter(280000)
    counter.anchor(5000, 0)
    start = counter.usable_mah()[1]
    now = 0
    for _ in range(120000):  # 1200 s at 3 mA: 1 mAh
        now += 10
        counter.add(3, now)
    assert start - counter.usable_mah()[1] == 1


def test_charge_and_discharge_cancel():
    counter = ChargeCounter(280000)
    counter.anchor(5000, 0)
    start = counter.usable_mah()
    now = 0
    for i in range(20000):
        now += 10
        counter.add(123457 if i % 2 else -123457, now)
    assert counter.usable_mah() == start


def test_time_wrap_costs_nothing():
    a, b = ChargeCounter(280000), ChargeCounter(280000)
    offset = 2**30 - 500
    a.anchor(5000, 0)
    b.anchor(5000, offset)
    for i in range(1, 200):
        a.add(100000, 10 * i)
        b.add(100000, (offset + 10 * i) & 0x3FFFFFFF)
    assert a.usable_mah() == b.usable_mah()
    assert a._remainder_ma_ms == b._remainder_ma_ms


def test_nothing_counts_before_the_first_anchor():
    counter = ChargeCounter(280000)
    counter.add(100000, 1000)
    assert not counter.started
    assert counter.soc_cpct == 0


def test_rest_voltage_table_is_monotone_and_bounded():
    last = -1
    for dmv in range(20000, 40000, 10):
        soc = soc_from_rest_cpct(dmv)
        assert 0 <= last <= soc <= 10000 or last == -1
        last = soc
    assert soc_from_rest_cpct(20000) == 0
    assert soc_from_rest_cpct(40000) == 10000
