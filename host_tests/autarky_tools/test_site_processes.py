"""Whole sites with firmware processes: same bits, clear ends, nothing left behind."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import can
import pytest
from patience import PATIENCE_S
from refusal import refused
from served_site import ServedSite

from autarky.paths import ROOT
from autarky.scenario.recorder import Recorder
from autarky.scenario.run import run_scenario
from autarky.sil.firmware import Firmware, FirmwareLost
from autarky.sil.site import SiteConfig, VirtualSite

pytestmark = pytest.mark.slow
AUTARKY = Path(sys.executable).with_name("autarky")


def firmware_processes(marker: str) -> list[int]:
    """Processes whose command line mentions a port or folder of this test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if marker in line and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def run_command(*arguments: str, timeout: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(AUTARKY), *arguments], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=timeout,
    )  # fmt: skip


def test_a_reported_charge_outside_its_own_band_is_told() -> None:
    row = {"node_id": 2, "soc_reported": 0.53, "soc_sigma": 0.005, "soc_true": 0.5}
    unknown = {"node_id": 3, "soc_reported": None, "soc_sigma": None, "soc_true": 0.5}
    errors = Recorder(rows=[row, row | {"soc_reported": 0.5, "soc_sigma": 0.01}, unknown])
    assert errors.soc_errors() == {
        2: {
            "largest_error": pytest.approx(0.03),
            "largest_of_3_sigma": pytest.approx(2.0),
            "last_sigma": 0.01,
        }
    }


@pytest.mark.parametrize("seed", [7])
def test_same_seed_same_bits_on_every_interpreter(tmp_path: Path, seed: int) -> None:
    digests = set()
    for name in ("micropython", "micropython", "micropython-source", "cpython", "inline"):
        config = SiteConfig(seed=seed, interpreter=name)
        summary = run_scenario("peak", config, tmp_path / f"{name}{len(digests)}", hours=12 / 3600)
        digests.add(summary.log_sha256)
    assert len(digests) == 1


def test_another_seed_gives_other_bits(tmp_path: Path) -> None:
    digests = {
        run_scenario(
            "peak", SiteConfig(seed=s, interpreter="inline"), tmp_path / str(s), 8 / 3600
        ).log_sha256
        for s in (1, 2)
    }
    assert len(digests) == 2


def test_trip_scenario_passes_and_lists_every_fault(tmp_path: Path) -> None:
    done = run_command("run", "trip", "--out", str(tmp_path / "run"), "--json", str(tmp_path / "j"))
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "j").read_text())
    assert summary["pass"]
    assert len(summary["faults"]) == 32
    for fault in summary["faults"]:
        assert fault["pass"], fault
        assert fault["command_ms"] <= fault["deadline_ms"]
        assert fault["id"] in done.stdout, "cut off in 80 columns"
        # a milder level may have opened the contactors: the fault's own trip keeps it as well
        assert fault["injected_ms"] <= fault["tripped_ms"] <= fault["deadline_ms"], fault


def test_a_run_leaves_a_folder_that_stock_tools_read(tmp_path: Path) -> None:
    import cantools
    import pyarrow.parquet as pq

    folder = tmp_path / "run"
    done = run_command("run", "peak", "--hours", "0.012", "--out", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["log_sha256"] in done.stdout
    database = cantools.database.load_file(folder / "site.dbc")
    states = set()
    count = 0
    for message in can.LogReader(str(folder / "can.log")):
        count += 1
        if message.arbitration_id == 0x182:
            states.add(str(database.decode_message(0x182, message.data)["state"]))
        else:
            database.get_message_by_frame_id(message.arbitration_id)
    assert count == summary["log_frames"]
    assert "run" in states
    table = pq.read_table(folder / "cabinets.parquet")
    assert table.num_rows == 2 * 87
    assert max(table.column("soc_sigma").drop_null().to_pylist()) > 0
    assert {"largest_error", "largest_of_3_sigma", "last_sigma"} == set(summary["soc"]["2"])
    assert set(table["fault_name"].to_pylist()) == {""}
    page = (folder / "report.html").read_text()
    assert summary["log_sha256"] in page


@pytest.mark.parametrize("scenario", ["precharge", "lost-host"])
def test_scenario_passes(tmp_path: Path, scenario: str) -> None:
    summary = run_scenario(scenario, SiteConfig(interpreter="inline"), tmp_path)
    assert summary.passed, [c for c in summary.checks if not c.passed]


def test_short_soak_passes(tmp_path: Path) -> None:
    config = SiteConfig(cabinets=2, interpreter="inline", seed=5)
    summary = run_scenario("soak", config, tmp_path, hours=60 / 3600)
    assert summary.passed, [c for c in summary.checks if not c.passed]


def test_a_killed_firmware_is_named_and_the_others_end(tmp_path: Path) -> None:
    site = VirtualSite(SiteConfig(cabinets=2), out=tmp_path)
    with pytest.raises(FirmwareLost, match="cabinet 3 was killed by signal 9"), site:
        site.run_for(0.5)
        victim = site.cabinets[1].firmware
        other = site.cabinets[0].firmware
        assert isinstance(victim, Firmware)
        assert isinstance(other, Firmware)
        victim.process.kill()
        site.run_for(0.5)
    assert other.process.poll() is not None


def test_a_cut_link_ends_the_firmware_with_a_sentence(tmp_path: Path) -> None:
    site = VirtualSite(SiteConfig(cabinets=1), out=tmp_path)
    with pytest.raises(FirmwareLost), site:
        site.run_for(0.2)
        firmware = site.cabinets[0].firmware
        assert isinstance(firmware, Firmware)
        assert firmware._socket is not None
        firmware._socket.shutdown(socket.SHUT_RDWR)
        site.run_for(0.2)
    assert firmware.process.returncode == 3
    assert "link to the virtual bus was cut" in (tmp_path / "cabinet2.console.txt").read_text()


def test_a_killed_host_takes_its_cabinets_along(tmp_path: Path) -> None:
    served = ServedSite("--cabinets", "2", "--realtime")
    host = served.process
    try:
        bus = connect(served.bus)
        assert bus.recv(PATIENCE_S) is not None
        children = [
            pid for pid in firmware_processes("chip.py")
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(host.pid)
        ]  # fmt: skip
        assert len(children) == 2
    finally:
        host.kill()
        host.wait()
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline, "firmware outlived its host"
        time.sleep(0.05)
    with pytest.raises(can.CanOperationError, match="the virtual site has ended"):
        while bus.recv(PATIENCE_S) is not None:
            pass
    bus.shutdown()


def connect(bus: str, path: str = "") -> can.BusABC:
    return can.Bus(interface="autarky", channel=f"{bus}{path}")


def test_site_serves_python_can_and_socketcand_until_ctrl_c() -> None:
    site = ServedSite("--cabinets", "1", "--realtime", "--socketcand", "0")
    try:
        with connect(site.bus) as bus, connect(site.bus, "/2") as cabinet:
            seen = {m.arbitration_id for m in (bus.recv(PATIENCE_S) for _ in range(100)) if m}
            assert {0x080, 0x182, 0x282, 0x202} <= seen
            inside = {m.arbitration_id for m in (cabinet.recv(PATIENCE_S) for _ in range(50)) if m}
            assert {0x521, 0x190, 0x210} <= inside
            with can.Bus(
                interface="socketcand", host="127.0.0.1", port=site.socketcand, channel="can0"
            ) as stock:
                assert stock.recv(PATIENCE_S) is not None
                stock.send(
                    can.Message(arbitration_id=0x7E5, data=b"\x01\x02", is_extended_id=False)
                )
                found = (bus.recv(PATIENCE_S) for _ in range(500))
                assert any(m is not None and m.arbitration_id == 0x7E5 for m in found)
            with pytest.raises(
                can.CanInitializationError,
                match="the site refused: there is no cabinet with node id 9",
            ):
                can.Bus(interface="autarky", channel=f"{site.bus}/9")
    finally:
        code = site.stop()
    assert code == 130
    assert "everything that was started has ended" in site.errors()


def test_unconfigured_cabinets_are_silent() -> None:
    with VirtualSite(SiteConfig(cabinets=2, interpreter="inline", unconfigured=True)) as site:
        site.run_for(3.0)
        senders = {can_id for can_id in site.bus.statistics.by_id if can_id & 0x7F in (2, 3)}
    assert senders == {0x202, 0x203}


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run_command("site", "--bus", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Choose another port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_site_is_said_by_the_client() -> None:
    with socket.socket() as nobody:  # bound and not listening: nobody else can take it either
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(can.CanInitializationError, match="no virtual site answers at"):
            connect(f"127.0.0.1:{nobody.getsockname()[1]}")
    with pytest.raises(can.CanInitializationError, match="is no channel of a virtual site"):
        can.Bus(interface="autarky", channel="nonsense")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nosuch"], "there is no scenario 'nosuch': choose from"),
        (["run", "peak", "--cabinets", "0"], "carries 1 to 32"),
        (["run", "peak", "--cabinets", "33"], "carries 1 to 32"),
        (["run", "peak", "--hours", "0"], "the length must be above 0"),
        (["run", "trip", "--cabinets", "3"], "its own number of cabinets"),
        (["run", "peak", "--set", "cell_ov_3_dmv=99999"], "allowed are 30000..43000"),
        (
            ["run", "peak", "--set", "cell_ov_2_dmv=36501"],
            "cell_ov_2_dmv is 36501, cell_ov_3_dmv is 36500",
        ),
        (
            ["site", "--set", "chemistry=1"],
            "parameters refused: cell_ov_1_dmv is 35800, chemistry is 1",
        ),
        (["run", "peak", "--set", "nosuch=1"], "parameter refused: no parameter is named nosuch"),
        (
            ["run", "peak", "--set", "cell_ov_3_dmv"],
            "--set cell_ov_3_dmv: write it as NAME=INTEGER",
        ),
        (["run", "peak", "--interpreter", "pypy"], "is no interpreter: choose micropython"),
        (["site", "--bus", "nonsense"], "HOST:PORT"),
    ],
)
def test_bad_input_gets_a_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    if arguments[0] == "run":
        arguments = [*arguments, "--out", str(tmp_path / "run")]
    assert sentence in " ".join(refused(*arguments).split())


def test_a_parameter_the_firmware_refuses_is_said(tmp_path: Path) -> None:
    site = VirtualSite(SiteConfig(cabinets=1, parameters={}), out=tmp_path)
    site.config.parameters["node_configured"] = 7  # past the host's own check
    with pytest.raises(FirmwareLost, match=r"refused parameter.*allowed are 0..1"), site:
        site.run_for(0.1)


def test_help_has_examples() -> None:
    for command in ([], ["run"], ["site"], ["bench"]):
        done = run_command(*command, "--help")
        assert done.returncode == 0
        if command:
            assert "autarky " + command[0] in done.stdout


def test_list_names_every_scenario() -> None:
    done = run_command("run", "--list")
    for name in (
        "peak",
        "day",
        "trip",
        "precharge",
        "lost-host",
        "winter-hour",
        "hot-swap",
        "grow",
        "soak",
    ):
        assert name in done.stdout
