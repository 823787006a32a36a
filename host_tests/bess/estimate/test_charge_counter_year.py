"""A year of half-second samples with a reboot every day; outside `make soak` a quarter of one."""

import pytest
from soak import SOAK

from bess.estimate import charge_counter as c
from bess.estimate.charge_counter import ChargeCounter
from bess.estimate.estimator import STATE_BYTES
from bess.port.memory import MemoryRegion
from bess.port.storage import SlotStore

WRAP = 2**30
DAYS = 365 if SOAK else 91


@pytest.mark.slow
def test_with_a_reboot_each_day_the_charge_is_exact_to_the_milliampere_millisecond():
    store = SlotStore(MemoryRegion(STATE_BYTES))
    seed, now, expected = 9, 12345, 0
    for _ in range(DAYS):
        counter = ChargeCounter(2000)
        kept = store.load()
        if kept is not None:
            for i in range(c.COUNT):
                counter.totals[i] = int.from_bytes(kept[4 * i : 4 * i + 4], "little", signed=True)
        counter.rest(137, now)
        for _ in range(14400):  # two hours of work; for the other 22 the contactors are open
            seed = (seed * 1103515245 + 12345) % 2**31
            current_ma = seed // 3 % 560001 - 280000
            now = (now + 500) % WRAP
            counter.add(current_ma, now)
            expected += current_ma * 500
        for _ in range(1024):
            now = (now + 500) % WRAP
            counter.rest(0, now)
        assert counter.zero_ma == 0
        totals = counter.totals
        assert (totals[c.MAH] * 1000 + totals[c.UAH]) * 3600 + totals[c.REMAINDER] == expected
        store.save(b"".join(value.to_bytes(4, "little", signed=True) for value in totals))
        assert max(abs(value) for value in totals) < WRAP
    out, into = totals[c.OUT_AH], totals[c.IN_AH]
    assert out + into > DAYS * 250
    assert out - into == pytest.approx(expected / 3.6e9, abs=2)
