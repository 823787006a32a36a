"""What the host makes of logs, trends and traces, damaged ones included."""

from autarky.node.decode import (
    damaged_records,
    decode_log,
    decode_trace,
    decode_trend,
    trace_damaged,
)
from bess.port.memory import MemoryRegion
from bess.protect.event_log import RAISED, EventLog
from bess.protect.trace import AFTER, Trace, Trend


def test_a_damaged_event_is_counted_and_the_others_are_told() -> None:
    log = EventLog(MemoryRegion(10 * 24))
    for number in range(5):
        log.put(number, RAISED, 1, 3, number, 0, 4 * number)
    log.flush(5)
    data = bytearray(log.read(0, log.size()))
    data[2 * 24 + 8] ^= 1
    rows = decode_log(bytes(data))
    assert [row["value"] for row in rows] == [0, 1, 3, 4]
    assert [row["string"] for row in rows] == [0, 4, 12, 16]
    assert {row["level"] for row in rows} == {"trip"}
    assert rows[0]["fault"] == "estop"
    assert damaged_records(bytes(data)) == 1


def test_the_trend_comes_oldest_first_whatever_its_ring_looks_like() -> None:
    trend = Trend(MemoryRegion(4 * 24))
    for number in range(6):
        trend.append(number * 1000, 800000, 33000, 33100, -25, 254, 5000)
    data = bytearray(trend.read(0, trend.size()))
    rows = decode_trend(bytes(data))
    assert [row["sequence"] for row in rows] == [2, 3, 4, 5]
    assert rows[0] == {
        "sequence": 2, "seconds": 1, "current_a": 2.0, "string_v": 800.0, "cell_min_v": 3.3,
        "cell_max_v": 3.31, "temp_min_c": -2.5, "temp_max_c": 25, "soc_percent": 50.0,
    }  # fmt: skip
    data[1] ^= 1
    assert [row["sequence"] for row in decode_trend(bytes(data))] == [2, 3, 5]
    assert damaged_records(bytes(data)) == 1


def test_a_trace_holds_no_value_for_what_was_not_measured_yet() -> None:
    trace = Trace(MemoryRegion(8192))
    for string_seen, cells_seen in ((False, False), (True, False), (True, True)):
        trace.sample(0, 790_000, 0, 32_900, 33_100, -55, 0, string_seen, cells_seen)
    trace.freeze()
    for _ in range(AFTER):
        trace.sample(1, 2, 3, 4, 5, -6, 7)
    trace.flush(1000)
    rows = [list(row.values())[1:] for row in decode_trace(trace.read(0, trace.size()))]
    assert rows[0] == [None] * 7
    assert rows[1] == [0.0, 790.0, 0.0, None, None, None, None]
    assert rows[2] == [0.0, 790.0, 0.0, 3.29, 3.31, -5.5, 0.0]


def test_a_damaged_trace_says_so_and_a_short_one_ends() -> None:
    trace = Trace(MemoryRegion(8192))
    trace.freeze()
    for number in range(AFTER):
        trace.sample(number, 2, 3, 4, 5, -6, 7)
    trace.flush(1000)
    data = bytearray(trace.read(0, trace.size()))
    assert not trace_damaged(bytes(data))
    data[100] ^= 4
    assert trace_damaged(bytes(data))
    assert len(decode_trace(bytes(data))) == AFTER
    assert len(decode_trace(bytes(data[:-1]))) == AFTER - 1
