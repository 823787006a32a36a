"""Files of measured data as loggers and cyclers write them: read, or refused in words."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rigs.traces import RIGHT_AH, TIME_S, counted_ah

from autarky.soc.traces import Trace, TraceError, read_traces


def written(folder: Path, text: str, name: str = "cell.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def table(times, header: str = "time,current,voltage", row: str = "{},1.0,3.33") -> str:
    return "\n".join([header, *(row.format(t) for t in times), ""])


def clocks(start: dt.datetime, form: str) -> list[str]:
    return [(start + dt.timedelta(seconds=s)).strftime(form) for s in TIME_S]


LATE = dt.datetime(2025, 10, 26, 23, 59, 30)


@pytest.mark.parametrize(
    "text",
    [
        table(TIME_S),
        "\ufeff" + table(TIME_S),
        table(TIME_S).replace("\n", "\r\n"),
        table(TIME_S).replace(",", "\t"),
        table(TIME_S, "time;current;voltage", "{},0;1,0;3,33"),
        table(TIME_S, "time\tcurrent\tvoltage", "{}\t1,0\t3,33"),
        table(TIME_S, "time;current;voltage;", "{};1.0;3.33;"),
        table(TIME_S, "time,current,voltage\ns,A,V"),
        table(TIME_S, "time,current,voltage\n[s],[mA],[mV]", "{},1000,3330"),
        table(TIME_S, "Zeit;Strom;Spannung\ns;mA;mV", "{};1.000,0;3.330,0"),
        table(TIME_S, "time,current (mA),voltage (mV)", '{},"1,000.0","3,330.0"'),
        table(TIME_S, "Test_Time(s),Step_Time(s),Current(A),Voltage(V)", "{},0,1.0,3.33"),
        table(TIME_S, "time/s,I/mA,Ecell/V", "{},1000,3.33"),
        table(TIME_S, "Time [s],Current_measured,Voltage_measured"),
        table(TIME_S, "Logger 7\nBattery, LFP\n\ntime,current,voltage"),
        table(TIME_S, "# time,current,voltage"),
        table(TIME_S) + ",,\n",
        table([t / 3600 for t in TIME_S], "time [h],current,voltage"),
        table([t / 60 for t in TIME_S], "time (min),current,voltage"),
        table([t * 1000 for t in TIME_S], "time_ms,current,voltage"),
        table([1_761_436_790 + t for t in TIME_S]),
        table([1_761_436_790_500 + t * 1000 for t in TIME_S]),
        table([(1_761_436_790_500 + t * 1000) * 1_000_000 for t in TIME_S]),
        table(clocks(LATE, "%H:%M:%S")),
        table(clocks(LATE, "%H:%M:%S.250")),
        table(clocks(LATE, "%I:%M:%S %p")),
        table(clocks(LATE, "%Y-%m-%d %H:%M:%S")),
        table(clocks(LATE, "%Y-%m-%dT%H:%M:%S.500Z")),
        table(clocks(LATE, "%Y-%m-%dT%H:%M:%S+02:00")),
        table(clocks(LATE, "%d.%m.%Y %H:%M:%S")),
        table(clocks(LATE, "%d.%m.%Y %H:%M:%S,5"), "time;current;voltage", "{};1,0;3,33"),
        table(clocks(LATE, "%m/%d/%Y %I:%M:%S %p")),
        table([f"27:{t // 60:02}:{t % 60:02}" for t in TIME_S]),
        table([f"1d 00:00:{t:02}.00" for t in TIME_S]),
        table([f"0 days 00:00:{t:02}" for t in TIME_S]),
        table([f"00:00:{t:02}:250" for t in TIME_S]),
        table(TIME_S).replace(",", "  "),
    ],
    ids=range(37),
)  # fmt: skip
def test_what_loggers_write_becomes_seconds_amperes_and_volts(tmp_path: Path, text: str) -> None:
    assert counted_ah(written(tmp_path, text)) == pytest.approx(RIGHT_AH)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = table(TIME_S, "time,current,voltage,Temperature (°C)", "{},1.0,3.33,31")
    path = written(tmp_path, text, encoding=encoding)
    assert counted_ah(path) == pytest.approx(RIGHT_AH)
    assert read_traces(path)[0].temperature_c == pytest.approx(31)


def test_a_compressed_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    path.write_bytes(gzip.compress(table(TIME_S).encode()))
    assert counted_ah(path) == pytest.approx(RIGHT_AH)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_stamps_of_any_unit_of_arrow_become_seconds(tmp_path: Path, unit: str, zone) -> None:
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    stamps = pa.array([(1_761_436_790 + t) * scale for t in TIME_S], pa.timestamp(unit, zone))
    durations = pa.array([t * scale for t in TIME_S], pa.duration(unit))
    for times in (stamps, durations):
        columns = {"time": times, "current": [1.0] * 6, "voltage": [3.33] * 6}
        pq.write_table(pa.table(columns), tmp_path / "cell.parquet")
        assert counted_ah(tmp_path / "cell.parquet") == pytest.approx(RIGHT_AH)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (table(TIME_S, "a,b,c"), "time=a,current=b,voltage=c"),
        (table(TIME_S, "a,b,c", "{},1000,3330"), "time=a,current=b:mA,voltage=c:mV"),
        (table([t / 3600 for t in TIME_S], "a,b,c"), "time=a:h,current=b,voltage=c"),
        (table(TIME_S, "1,x", "{},1.0,3.33").split("\n", 1)[1], "time=1,current=2,voltage=3"),
        (table(TIME_S, "time,I1,I2,voltage", "{},9,1.0,3.33"), "current=I2"),
        (table(TIME_S, "time,current,voltage", "{},1500,3.33"), "current=current:mA"),
    ],
)
def test_columns_are_what_the_user_says(tmp_path: Path, text: str, names: str) -> None:
    given = dict(item.split("=") for item in names.split(","))
    right = RIGHT_AH * (1.5 if "1500" in text else 1)
    assert counted_ah(written(tmp_path, text), names=given) == pytest.approx(right)


def test_percent_and_kelvin_are_converted_when_they_are_named(tmp_path: Path) -> None:
    text = table(TIME_S, "time,current,voltage,SOC,T [K]\ns,A,V,%,", "{},1.0,3.33,80,298.15")
    (trace,) = read_traces(written(tmp_path, text))
    assert trace.soc == pytest.approx(np.full(6, 0.8))
    assert trace.temperature_c == pytest.approx(25)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("time,current,voltage\n", "no row of numbers"),
        (table(TIME_S, "time,current", "{},1.0"), "no column voltage; found time, current"),
        (table(TIME_S, "x,y,z"), "Say which it is: --columns time=NAME,current=NAME,voltage=NAME"),
        ("hello\nworld\n", "no table: columns are separated by comma"),
        ("Logger 7\n" + table(TIME_S).split("\n", 1)[1], "no row names the columns; write one"),
        (table((0, 10) * 202), "groups change 201 times; rows must be in the order of time"),
        (table(TIME_S, row="{},1.0,384"), "cells in series"),
        (table(TIME_S, "time,current,voltage (V)", "{},1.0,3330"), "reads about 3330 V"),
        (table(TIME_S, row="{},1.0,3330"), "and column current names no unit: A or mA?"),
        (table(TIME_S, row="{},1000,3.33"), "reads up to 1000 and names no unit: A or mA?"),
        (table(TIME_S, "time,current (x),voltage"), "'x' is no unit of current"),
        (
            table(TIME_S, "time,current,voltage,temp", "{},1.0,3.33,298"),
            "degC; name its unit (--columns temperature=temp:K)",
        ),
        (table(TIME_S, "time,current,voltage,soc", "{},1.0,3.33,80"), "soc=NAME:%"),
        (
            table(TIME_S, "time,current,voltage,Voltage", "{},1.0,3.33,3.33"),
            "voltage may be voltage or Voltage",
        ),
        (table([t / 3600 for t in TIME_S]), "time=time:ms (or ns, us, s, min, h, d)"),
        (table([t * 1000 for t in TIME_S]), "time=time:ms"),
        (table([t * 10 for t in TIME_S]), "time=time:ms"),
        (table(["00:10", "00:20", "00:30"]), "'00:10' may be HH:MM or MM:SS"),
        (table(TIME_S, "time,current,voltage,voltage", "{},1,3.3,3.4"), "voltage 3, voltage 4"),
        (table(TIME_S) + "End of test\n", "leave lines out that are no data"),
        (table(TIME_S, row="{},inf,3.33"), "current has 6 gaps"),
        (table(TIME_S, row="{},0,1.0,3,33"), "decimal comma"),
        (table(TIME_S, row="{},oops,3.33"), "column current is not numeric: 'oops' in row 1"),
        (table(TIME_S).replace("20,1.0", "20,"), "gaps (not a number), the first in row 3"),
        (table((0, 10, 20, 15, 30)), "time goes backwards in row 4 of its data, by 5 s"),
        (table((50, 40, 30, 20, 10)), "time must grow"),
        (table(["2025-10-26 02:59:50", "2025-10-26 02:00:00"]), "summer time"),
        (table(["03/04/2025 23:59:50", "04/04/2025 00:00:00"]), "the day or the month first"),
        (table(["Monday", "Tuesday"]), "'Monday' in row 1"),
        (table(["2025-10-26", "2025-10-27"]), "days without a time"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_with_what_to_do(tmp_path, text, sentence) -> None:
    with pytest.raises(TraceError) as refused:
        read_traces(written(tmp_path, text))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "save it with -v7"),
        (b"MATLAB 7.3 MAT-file" + bytes(64), "save it with -v7"),
        (b"MATLAB 5.0 MAT-file" + bytes(range(256)), "damaged or no MATLAB file"),
        (b"PAR1" + bytes(range(256)), "damaged or no Parquet"),
        (b"PK\x03\x04xl/" + bytes(range(256)), "Excel"),
        (b"PK\x03\x04cell.csv" + bytes(range(256)), "an archive; unpack it and give a file"),
        (b"\x1f\x8b\x08" + bytes(20), "cannot be read"),
        (bytes(range(256)) * 4, "a binary file"),
    ],
)
def test_a_file_of_another_kind_is_named_without_its_bytes(tmp_path, data, sentence) -> None:
    path = tmp_path / "cell.dat"
    path.write_bytes(data)
    with pytest.raises(TraceError) as refused:
        read_traces(path)
    assert sentence in str(refused.value)
    assert str(refused.value).isprintable()


# --- holes, stamps that repeat, sign ---


def test_a_hole_carries_no_charge_and_is_told(tmp_path: Path) -> None:
    (trace,) = read_traces(written(tmp_path, table((0, 10, 20, 36_020, 36_030, 36_040))))
    assert trace.counted_ah()[-1] == pytest.approx(40 / 3600)
    assert "1 hole in time, the longest 36000 s, the first after 20 s" in trace.notes[-1]
    assert [len(part.time_s) for part in trace.parts()] == [3, 3]
    assert [part.counted_ah()[-1] for part in trace.parts()] == pytest.approx([20 / 3600] * 2)


@pytest.mark.parametrize("times", [(0, 1, 2, 62, 63), (0, 10, 3610), (0, 10, 20, 130, 140)])
def test_a_hole_is_told_by_the_usual_step(tmp_path: Path, times: tuple[int, ...]) -> None:
    (trace,) = read_traces(written(tmp_path, table(times)))
    steps = np.diff(times)
    assert trace.counted_ah()[-1] == pytest.approx((sum(steps) - max(steps)) / 3600)


def test_a_logger_that_saves_samples_at_rest_has_no_holes(tmp_path: Path) -> None:
    times = np.cumsum([0, *[1] * 200, *[60] * 30, *[1] * 200, 17, *[60] * 30])
    (trace,) = read_traces(written(tmp_path, table(times)))
    assert len(trace.parts()) == 1
    assert trace.counted_ah()[-1] == pytest.approx(times[-1] / 3600)


def test_elapsed_time_that_starts_again_is_another_trace(tmp_path: Path) -> None:
    found = read_traces(written(tmp_path, table((*TIME_S, *TIME_S))))
    assert [trace.counted_ah()[-1] for trace in found] == pytest.approx([RIGHT_AH] * 2)


def test_of_a_stamp_written_twice_the_first_sample_counts(tmp_path: Path) -> None:
    rows = "time,current,voltage\n0,0,3.33\n10,0,3.33\n10,2,3.3\n20,2,3.3\n30,2,3.3\n"
    (trace,) = read_traces(written(tmp_path, rows))
    assert trace.counted_ah() == pytest.approx([0, 0, 20 / 3600, 40 / 3600])


def test_stamps_coarser_than_samples_take_their_mean(tmp_path: Path) -> None:
    rows = [f"{second},{current},3.33" for second in range(6) for current in (0, 1, 2, 5)]
    (trace,) = read_traces(written(tmp_path, "\n".join(["time,current,voltage", *rows, ""])))
    assert trace.counted_ah()[-1] == pytest.approx(5 * 2 / 3600)


def pulses(sign: int, soc: bool) -> str:
    current = [0, 2, 2, 0, 3, 3, 0, 1, 1, 0] * 4
    charge = 0.9 - np.cumsum(current) * 1e-3
    rows = [
        f"{i},{sign * a},{3.3 - 0.02 * a:.4f}" + (f",{charge[i]:.4f}" if soc else "")
        for i, a in enumerate(current)
    ]
    return "\n".join(["time,current,voltage" + ",soc" * soc, *rows, ""])


@pytest.mark.parametrize("soc", [True, False], ids=["by its charge", "by its voltage"])
def test_the_sign_of_a_file_is_found_and_told(tmp_path: Path, soc: bool) -> None:
    (right,) = read_traces(written(tmp_path, pulses(1, soc), "right.csv"))
    (turned,) = read_traces(written(tmp_path, pulses(-1, soc), "turned.csv"))
    assert turned.current_a == pytest.approx(right.current_a)
    assert right.notes == ()
    assert "turned.csv: current counts + in charge, and is turned" in turned.notes


def test_a_sign_that_the_data_do_not_tell_is_said_to_be_taken(tmp_path: Path) -> None:
    path = written(tmp_path, table(TIME_S))
    assert "the data do not tell the sign of current" in read_traces(path)[0].notes[0]
    (given,) = read_traces(path, invert_current=True)
    assert given.notes == ()
    assert given.counted_ah()[-1] == pytest.approx(-RIGHT_AH)


def test_days_beside_times_of_day_keep_the_days_between(tmp_path: Path) -> None:
    for days in (("2025-01-30", "2025-02-02"), ("30.01.2025", "02.02.2025")):
        rows = [f"{days[0]},23:59:{t},1.0,3.33" for t in (30, 40, 50)]
        rows += [f"{days[1]},00:00:{t},1.0,3.33" for t in ("00", "10")]
        path = written(tmp_path, "\n".join(["Date,Time,current,voltage", *rows, ""]))
        (trace,) = read_traces(path)
        assert np.diff(trace.time_s) == pytest.approx([10, 10, 2 * 86400 + 10, 10])
        assert trace.counted_ah()[-1] == pytest.approx(30 / 3600)


@pytest.mark.parametrize(
    ("sign", "given", "sentence"),
    [(1, True, "leave --invert-current out"), (-1, False, "turn its sign (--invert-current)")],
)
def test_a_sign_that_the_data_deny_is_refused(tmp_path, sign, given, sentence) -> None:
    with pytest.raises(TraceError) as refused:
        read_traces(written(tmp_path, pulses(sign, True)), invert_current=given)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(("step", "truly_s"), [(50, 0.05), (1 / 60, 1)], ids=["ms", "min"])
def test_units_that_make_a_cell_that_there_is_not_are_refused(tmp_path, step, truly_s) -> None:
    rows = [f"{step * i},2.5,3.3,{max(0.9 - truly_s * i / 3600, 0.1)}" for i in range(5000)]
    with pytest.raises(TraceError, match="check the units of time and current"):
        read_traces(written(tmp_path, "\n".join(["time,current,voltage,soc", *rows, ""])))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"time": pa.array([], pa.float64())}, "has a header and no row of data"),
        (
            {"time": pa.array([0, None, 2], pa.timestamp("s")), "current": [1.0] * 3,
             "voltage": [3.3] * 3},
            r"column time has 1 gaps \(no time\)",
        ),
    ],
    ids=["no row", "no stamp"],
)  # fmt: skip
def test_a_parquet_file_without_rows_or_stamps_is_refused(tmp_path, columns, sentence) -> None:
    pq.write_table(pa.table(columns), tmp_path / "cell.parquet")
    with pytest.raises(TraceError, match=sentence):
        read_traces(tmp_path / "cell.parquet")


@pytest.mark.parametrize(
    ("select", "sentence"),
    [
        ({"test": "7"}, "no row is left to read"),
        ({"test": "warm"}, "--select test=warm: its values are numbers"),
        ({}, "counts current \\+ in discharge, cell test=2 \\+ in charge: take one kind"),
    ],
)
def test_a_file_of_two_signs_is_read_one_at_a_time(tmp_path: Path, select, sentence) -> None:
    rows = [f"{row},{kind}" for kind, sign in ((1, 1), (2, -1))
            for row in pulses(sign, True).splitlines()[1:]]  # fmt: skip
    path = written(tmp_path, "\n".join(["time,current,voltage,soc,test", *rows, ""]))
    with pytest.raises(TraceError, match=sentence):
        read_traces(path, select)
    assert len(read_traces(path, {"test": "2"})) == 1


def test_a_trace_of_arrays_has_no_holes_of_its_own() -> None:
    values = np.array([0.0, 1.0, 1000.0])
    trace = Trace("x", values, np.ones(3), values, values, None, None)
    assert trace.counted_ah()[-1] == pytest.approx(1000 / 3600)
