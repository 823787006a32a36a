"""Output lines, drive and fan speed between the virtual board and the plants."""

import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from autarky.build import image
from autarky.paths import ROOT, UNIX_BOARD, wire
from autarky.sil.firmware import unpack_done
from autarky.sil.inline import InlineFirmware
from autarky.sil.site import SiteConfig, VirtualSite
from bess import lines

BITS = {name: 1 << bit for bit, name in enumerate(lines.names(lines.OUTPUTS))}
LINES = len(BITS)


@pytest.fixture
def site() -> Iterator[VirtualSite]:
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as running:
        running.run_for(0.1)
        yield running


def inline(site: VirtualSite) -> InlineFirmware:
    found = site.cabinets[0].firmware
    assert isinstance(found, InlineFirmware)
    return found


def test_the_drive_s_duty_is_no_output_line(site: VirtualSite) -> None:
    here, plants = inline(site).devices, site.plants
    seen = []
    site.after_done.append(lambda site, i, outputs: seen.append(outputs))
    here.drive.duty(1000)
    here.outputs["dryer"].value(1)
    site.step()
    assert plants.drive == [1000]
    assert plants.output(0, "dryer")
    assert seen == plants.outputs
    assert plants.outputs[0] & ~BITS["healthy"] == BITS["dryer"]
    here.drive.duty(1)
    here.outputs["dryer"].value(0)
    site.step()
    assert plants.drive == [1]
    assert plants.outputs[0] & ~BITS["healthy"] == 0


def test_a_reset_and_a_cut_supply_end_the_drive(site: VirtualSite) -> None:
    here, plants = inline(site).devices, site.plants
    here.drive.duty(600)
    site.step()
    here.reset()
    site.step()
    assert plants.drive == [0]
    here.drive.duty(600)
    site.step()
    site.power_cycle(0)
    assert plants.drive == [0]


def test_every_output_line_lies_below_the_drive_and_the_word_is_small() -> None:
    assert LINES <= wire.DRIVE_BIT
    assert wire.DRIVE_BIT + (1000).bit_length() <= 30
    done = unpack_done(0b101 | 1000 << wire.DRIVE_BIT, 0, b"")
    assert (done.outputs, done.drive) == (0b101, 1000)


def test_lines_and_drive_reach_the_parts_of_the_plant(site: VirtualSite) -> None:
    plants = site.plants
    heat = plants.heat
    plants.apply(0, BITS["heater_feed"] | BITS["pump"], 250)
    assert (heat.feed[0], heat.dryer[0], heat.pump[0], heat.drive[0]) == (True, False, True, 0.25)
    plants.apply(0, BITS["dryer"])
    assert (heat.feed[0], heat.dryer[0], heat.pump[0], heat.drive[0]) == (False, True, False, 0.0)


def test_fans_tell_their_share_of_rated_speed(site: VirtualSite, monkeypatch) -> None:
    channel = inline(site).devices.analog["fan_speed"]
    assert channel.read_u16() == 0  # no fans in this plant
    monkeypatch.setattr(site.plants.heat, "fan_share", np.array([0.25]), raising=False)
    site.plants.refresh_analog(0)
    site.step()
    assert channel.read_u16() == 16384
    site.plants.analog_forced[0]["fan_speed"] = 1.2
    site.plants.refresh_analog(0)
    site.step()
    assert channel.read_u16() == 65535


def test_the_drive_allocates_nothing_inside_micropython() -> None:
    script = (
        f"import sys; sys.path[:] = [{str(UNIX_BOARD)!r}, {str(ROOT / 'firmware')!r}]\n"
        "import micropython\nfrom pins import Drive\n"
        "class Link:\n    outputs = 0x3FF\n"
        "link = Link()\nlink.outputs = 0x3FF\ndrive = Drive(link)\n"
        "def told():\n    micropython.heap_lock()\n    drive.duty(1000)\n    drive.duty(0)\n"
        "    drive.duty(513)\n    micropython.heap_unlock()\n"
        "told()\nprint(hex(link.outputs))\n"
    )
    command = [image.tool("micropython"), "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == hex(0x3FF | 513 << wire.DRIVE_BIT), done.stderr
