"""What days of running and a restart may not change: findings of a review, kept as tests."""

import pytest
from kit.standing import stands
from rigs.latches import latch

from autarky.sil.inline import InlineFirmware
from autarky.sil.site import SiteConfig, VirtualSite
from bess import modes
from bess.app import Cabinet
from bess.parameters import Parameters
from bess.port.ticks import TICKS_MASK, held, ticks_diff
from bess.protect.history import SIZE, History, provision
from bess.protect.latches import Latches

pytestmark = pytest.mark.slow
MAIN = 0b11
HALF = 2**29


def app(site) -> Cabinet:
    return site.cabinets[0].firmware.app


def turn_key(site, seconds: float = 0.3) -> None:
    site.plants.reset_key[0] = True
    site.run_for(seconds)
    site.plants.reset_key[0] = False
    site.run_for(1.5)


def start_again(site) -> Cabinet:
    """A restart of the controller: memory and storage stay, all else is new."""
    firmware: InlineFirmware = site.cabinets[0].firmware
    firmware.devices.reset()
    firmware._link.tx_count = firmware._link.spi_count = 0
    firmware.app = Cabinet(firmware.devices, Parameters())
    return firmware.app


def days_pass(site, days: float) -> None:
    """Let the clock run on in leaps, with a round of the slow task (one owner a second) between."""
    cabinet = app(site)
    leap_ms = 2**27
    for _ in range(round(days * 86_400_000 / leap_ms)):
        cabinet.self_check._last_ms = -1  # the leap is ours, not a fault of its clock
        for i in range(len(cabinet.scheduler._last_ms)):
            cabinet.scheduler._last_ms[i] = (cabinet.scheduler._last_ms[i] + leap_ms) & TICKS_MASK
        site.cabinets[0].skew_ms += leap_ms
        site.run_for(0.1 + len(app(site).tasks._holders))


def test_a_stamp_is_held_at_three_days_and_never_looks_fresh() -> None:
    stamp = 5
    now = 5
    for _ in range(3000):
        now = (now + 2**20) & TICKS_MASK
        stamp = held(now, stamp)
        assert 0 < ticks_diff(now, stamp) <= 2**28 + 2**20
    assert held(now, -1) == -1
    assert held(7, 7) == 7


@pytest.mark.parametrize("days", [6.5, 12.6])
def test_a_coordinator_that_is_silent_for_days_moves_no_power(running_site, days: float) -> None:
    site = running_site
    site.coordinator.target_w = 50_000.0
    site.run_for(6.0)
    site.coordinator.silent = True
    site.run_for(6.0)
    assert app(site).modes.state == modes.STANDBY
    days_pass(site, days)
    assert app(site).modes.state in (modes.STANDBY, modes.FAULT)
    assert app(site).signals.value[6] > 3000  # the age of the command
    assert not site.plants.outputs[0] & MAIN


@pytest.mark.parametrize("days", [6.5, 12.6])
def test_a_sensor_that_is_dead_for_days_never_becomes_well(running_site, days: float) -> None:
    site = running_site
    site.plants.sensors[0].silent_channels.add(0)
    site.run_for(1.0)
    assert app(site).protection.tripped
    days_pass(site, days)
    turn_key(site)
    site.run_for(5.0)
    assert app(site).modes.state == modes.FAULT
    assert not site.plants.outputs[0] & MAIN


def test_lost_backup_memory_counts_as_a_latch(running_site) -> None:
    devices = running_site.cabinets[0].firmware.devices
    for at in range(len(devices.backup)):
        devices.backup[at] = 0xFF
    start_again(running_site)
    running_site.run_for(3.0)
    assert app(running_site).modes.state == modes.FAULT
    assert app(running_site).protection.worst_fault == 49


def test_provisioned_memory_is_neither_blank_nor_latched() -> None:
    memory = bytearray(SIZE)
    provision(memory)
    assert not History(memory).blank
    latches = Latches(memory)
    assert not latches.blank
    assert not latches.running


@pytest.mark.parametrize("fault", [15, 16, 17, 43, 47, 49])
def test_a_latch_restored_at_boot_can_be_cleared_once_its_cause_has_gone(inline_site, fault):
    site = inline_site()
    latch(app(site).latches, fault)
    start_again(site)
    site.run_for(2.0)
    assert app(site).modes.state == modes.FAULT
    turn_key(site)
    site.run_for(4.0)
    assert app(site).modes.state == modes.RUN


def test_charge_only_outlives_a_restart(inline_site) -> None:
    site = inline_site(soc=0.6)
    site.plants.cells.force_voltage(0, slice(None), 2.95)
    site.run_for(6.0)
    assert app(site).limits.charge_only
    assert app(site).limits.charge_ma <= 14_000
    assert app(site).limits.discharge_ma == 0


def test_beyond_the_breaking_capacity_the_fuse_acts_first(running_site) -> None:
    site = running_site
    site.plants.strings.model = type(site.plants.strings.model)(fuse_melting_a2s=5e5)
    site.plants.strings.extra_a[0] = 1500.0
    opened_under_a = None
    for _ in range(150):
        site.step()
        if opened_under_a is None and not site.plants.outputs[0] & MAIN:
            opened_under_a = abs(site.plants.current_a[0])
    assert opened_under_a is not None
    assert opened_under_a < 1000.0
    assert bool(site.plants.strings.fuse_blown[0])


def test_a_fuse_that_does_not_act_is_waited_for_one_second_only(running_site) -> None:
    site = running_site
    site.plants.strings.model = type(site.plants.strings.model)(fuse_melting_a2s=1e12)
    site.plants.strings.extra_a[0] = 1500.0
    site.run_for(0.5)
    assert site.plants.outputs[0] & MAIN
    assert not site.plants.output(0, "gate_enable")
    site.run_for(0.7)
    assert not site.plants.outputs[0] & MAIN


def test_one_unread_device_leaves_the_link_s_checks_alive(running_site) -> None:
    site = running_site
    site.plants.chains[0].bit_error_devices[4] = 0.4
    site.plants.chains[0].fault_changed()
    site.plants.sensors[0].bias_v = [0.0, 0.0, 510.0, 0.0]
    site.run_for(0.5)
    assert stands(app(site).protection, "link_ov", 3)


def test_reset_node_after_an_orderly_stop_is_no_unclean_stop(running_site) -> None:
    site = running_site
    site.coordinator.target_w = 40_000.0
    site.run_for(6.0)
    first = app(site)
    site.bus.send(0, 0x000, bytes((129, 2)), site.now_ms * 1000)
    site.run_for(6.0)
    assert app(site) is not first
    site.run_for(4.0)
    assert app(site).protection.worst_level < 3
    assert app(site).modes.state == modes.RUN


def test_broken_storage_refuses_a_read_and_trips_nothing(running_site) -> None:
    site = running_site
    cabinet = app(site)

    def broken(offset, buffer):
        raise OSError(5)

    cabinet.log.readinto = broken
    request = bytes((0x40, 0x00, 0x24, 0, 0, 0, 0, 0))
    port = site.bus.attach([(0x582, 0x7FF)])
    answers = []
    site.on_frames.append(
        lambda number, sent: answers.extend(f.data for f in sent if f.can_id == 0x582)
    )
    site.bus.send(port, 0x602, request, site.now_ms * 1000)
    site.run_for(0.1)
    site.bus.send(port, 0x602, bytes((0x60,)) + bytes(7), site.now_ms * 1000)
    site.run_for(0.1)
    assert answers[-1][0] == 0x80
    assert answers[-1][4:] == (0x06060000).to_bytes(4, "little")
    assert cabinet.modes.state == modes.RUN
    assert not cabinet.scheduler.stopped


def test_a_download_begun_at_rest_does_not_end_under_power(inline_site) -> None:
    site = inline_site()
    site.coordinator.wanted_state = 0
    site.run_for(3.0)
    cabinet = app(site)
    cabinet.session.unlocked = 1
    cabinet.session._unlocked_ms = site.tick_ms
    before = cabinet.parameters.get("heartbeat_ms")
    port = site.bus.attach(())

    def send(*data: int) -> None:
        frame = bytes(data) + bytes(8 - len(data))
        site.bus.send(port, 0x602, frame, site.now_ms * 1000)
        site.run_for(0.05)

    send(0x21, 0x17, 0x10, 0, 2, 0, 0, 0)
    site.coordinator.wanted_state = 2
    site.run_for(3.5)
    assert cabinet.modes.state == modes.RUN
    send(0x0B, 0xA0, 0x0F)
    assert cabinet.parameters.get("heartbeat_ms") == before


def test_lss_store_keeps_the_identity_and_nothing_else() -> None:
    firmware = InlineFirmware("", 15)
    cabinet = firmware.app
    cabinet.parameters.set("cell_ov_3_dmv", 43000)
    assert cabinet.keeper.keep_identity(5, 500)
    assert cabinet.parameters.get("cell_ov_3_dmv") == 43000
    again = Cabinet(firmware.devices, Parameters())
    assert again.parameters.get("node_id") == 5
    assert again.parameters.get("cell_ov_3_dmv") == 36500


@pytest.mark.parametrize("request_", [4, 5, 7])
def test_reserved_requests_close_nothing(inline_site, request_: int) -> None:
    site = inline_site()
    site.coordinator.wanted_state = request_
    site.run_for(6.0)
    assert app(site).modes.state == modes.STANDBY
    assert not site.plants.outputs[0] & MAIN


def test_the_smallest_capacity_divides_by_no_zero() -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", parameters={"capacity_mah": 2000})
    with VirtualSite(config) as site:
        site.run_for(5.0)
        assert not app(site).scheduler.stopped


def test_a_wrong_answer_is_forgiven_for_good_when_its_delay_is_over() -> None:
    firmware = InlineFirmware("@key=" + "11" * 32, 15)
    session = firmware.app.session
    session.nonce()
    session.answer(bytes(32))
    assert session.wait_s() == 1
    session.step(1000)
    assert session.wait_s() == 0
    session.step(HALF + 5000)
    assert session.wait_s() == 0


@pytest.mark.parametrize(
    ("cell_min_dmv", "first"), [(19999, False), (20000, True), (30000, True), (30001, False)]
)
def test_a_reset_at_three_volts_or_less_charges_first(inline_site, cell_min_dmv, first) -> None:
    """The same bound as the end of the recovery: until every cell is above 3.00 V."""
    cabinet = app(inline_site())
    cabinet.limits.charge_only = False
    cabinet.string.cells.cell_min_dmv = cell_min_dmv
    cabinet.modes.state = modes.FAULT
    cabinet.modes.request_reset()
    assert cabinet.limits.charge_only == first


def test_a_restart_waits_until_every_record_and_a_trips_trace_are_written(inline_site) -> None:
    site = inline_site()
    site.run_for(4.0)
    site.coordinator.wanted_state = 0
    site.run_for(3.0)
    before = app(site)
    assert before.at_rest()
    before.trace.freeze()
    records = before.log.records()
    for number in range(40):
        before.log.put(0, 1, 1, 1, number, 0)
    before.node.reset_node = True
    site.run_for(5.0)
    assert app(site) is before  # the trace takes 15 s after a trip
    site.run_for(15.0)
    after = app(site)
    assert after is not before
    assert after.trace.size() > 0
    assert after.log.records() >= records + 40
