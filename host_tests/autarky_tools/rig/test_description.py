"""rig.yaml: what is read, and what is said of what is wrong, with its line."""

from pathlib import Path

import pytest

from autarky.paths import ROOT
from autarky.rig import needs
from autarky.rig.description import Rig
from autarky.rig.reading import RigFileError, read
from autarky.scenario.actions import ACTIONS
from autarky.scenario.actions import read as step
from autarky.scenario.fault_cases import CASES

SHIPPED = sorted((ROOT / "boards" / "rigs").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_rigs_are_read(path: Path) -> None:
    assert read(path).name.replace("-", "_") == path.stem


HARDWARE = """\
name: bench
depth: hardware
board: {name: unix, port: /dev/ttyACM0}
can:
  site: {interface: socketcan, channel: can0}
  cabinet: {interface: socketcan, channel: can1}
supply: {resource: "TCPIP0::10.0.0.2::5025::SOCKET"}
relays:
  address: "10.0.0.3:502"
  channels: {enable: 0, estop: 1}
daq: {bus: {interface: socketcan, channel: can2}}
limits: {volts: 60, amps: 5, watts: 100}
"""


def rig_of(tmp_path: Path, text: str) -> Rig:
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    return read(path)


RELAYS = "channels: {enable: 0, estop: 1}"
NAME = "name: bench"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("depth: hardware", "depth: virtal",
         '2: depth = "virtal": give one of virtual, processor, hardware'),
        (RELAYS, "channels: {estop: 1}", "8: relays need a channel `enable`"),
        (RELAYS, "channels: {enable: 1, estop: 1}", "8: channel 1 of the relays has two names"),
        ("volts: 60", "volts: -1", "12: volts = -1: give a number above 0, 1500 at most"),
        ("board: {name: unix, port: /dev/ttyACM0}\n", "", "1: depth hardware needs a board"),
        (NAME, f"{NAME}\nname: other", "2: name stands here twice"),
        ("supply:", "suply:", "7: there is no key 'suply': the nearest is supply"),
        (NAME, f"{NAME}\ncalibrated: {{supply: soon}}",
         '2: supply = "soon": give a day, 2026-03-01 say'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in HARDWARE
    with pytest.raises(RigFileError) as told:
        rig_of(tmp_path, HARDWARE.replace(old, new))
    assert f"rig.yaml:{sentence}" in str(told.value)


EMPTY = "rig.yaml:1: it is empty or no table: see boards/rigs for examples"
NO_YAML = "rig.yaml is no YAML: while"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", EMPTY), ("- a\n- b\n", EMPTY), ("name: [", NO_YAML), ("\t", NO_YAML)],
)
def test_no_rig_at_all(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(RigFileError, match=sentence):
        rig_of(tmp_path, text)


def test_every_action_says_what_it_needs() -> None:
    for action in ACTIONS.values():
        values = [
            argument.words[0] if argument.words else argument.low for argument in action.arguments
        ]
        needed = needs.of_step(action.step(2, values))
        assert needed <= needs.ALL, action.name


def test_a_rig_offers_what_stands_on_it(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, HARDWARE)
    assert needs.of_case(CASES["estop"]) <= needs.has(rig)
    assert needs.of_case(CASES["cell_ov"]) - needs.has(rig) == {"cells"}
    assert needs.of_case(CASES["coolant_flow"]) - needs.has(rig) == {"sensors", "line coolant_flow"}
    assert needs.of_step(step("fault 2 smoke")) == {"line smoke"}
    processor = Rig(name="p", depth="processor", board={"name": "unix", "port": "virtual"})
    lacking = {name for name, case in CASES.items() if needs.of_case(case) - needs.has(processor)}
    assert lacking == {case.fault for case in CASES.values() if case.inside}
