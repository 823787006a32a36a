"""What the cabinet binds together: who is called, in which order, with what."""

from types import SimpleNamespace

import pytest

from autarky.sil.inline import InlineFirmware
from bess import app as cabinet_module
from bess import modes
from bess.control import contactors
from bess.link import abort
from bess.measure import signals as s
from bess.protect import event_log
from bess.protect import history as h
from bess.protect.fault_table import fault_id
from bess.protect.hazards import BLEEDING, HEATER
from bess.records import Records
from bess.sparing import SparingRecords

DEVICES = 15
SETTINGS = "node_id=2\nnode_configured=1"


def built(change=None, settings=SETTINGS):
    """A cabinet on a board without plants; change(devices) before it is built anew."""
    firmware = InlineFirmware(settings, DEVICES)
    if change is not None:
        change(firmware.devices)
        firmware.app = firmware._build()
    return firmware.app


@pytest.fixture
def app():
    return built()


class Calls(list):
    """Names and arguments in the order of the calls; `on` puts itself in a method's place."""

    def on(self, owner, name, result=None, note=None):
        self_ = self

        def call(*arguments):
            self_.append((note or name, *arguments))
            return result

        setattr(owner, name, call)


def logged(app):
    """(kind, item, level, value, limit) of what waits in the log."""
    log, found = app.log, []
    at = log._tail
    while at != log._head:
        i = at * 4
        what = log._pending[i + 1]
        found.append((what & 0xFF, what >> 8 & 0xFF, what >> 16, *log._pending[i + 2 : i + 4]))
        at = (at + 1) % 64
    return found


def test_cells_of_a_module_are_spread_evenly_over_its_front_ends():
    layout = cabinet_module.chain_layout
    assert list(layout(5, 52)) == [18, 17, 17] * 5
    assert list(layout(2, 48)) == [16] * 6
    assert list(layout(1, 16)) == [16]
    assert list(layout(1, 18)) == [18]
    assert list(layout(3, 19)) == [10, 9] * 3
    assert list(layout(1, 20)) == [10, 10]


def test_the_chemistry_of_the_parameter_is_loaded():
    from bess.estimate import lfp, nmc

    tables = [cabinet_module.chemistry_table(number) for number in (0, 1, 2)]
    assert tables == [lfp.TABLE, nmc.TABLE, lfp.TABLE]


def test_the_schedule_binds_each_name_to_its_work(app):
    scheduler = app.scheduler
    expected = [
        ("fast", app._fast, 1, 0, 5000, 1, 1), ("scan", app.cells.slice, 1, 0, 3000, 1, 1),
        ("cells", app._evaluate_cells, 10, 6, 5000, 1, 1), ("slow", app._slow, 100, 7, 5000, 0, 1),
        ("estimate", app._estimate, 10, 8, 5000, 0, 0),
        ("telemetry", app.telemetry.publish_slow, 100, 9, 5000, 0, 0),
        ("service", app.node.service, 1, 0, 5000, 0, 0),
        ("update", app.program.step, 1, 0, 5000, 0, 0), ("records", app._write, 1, 0, 5000, 0, 0),
        ("upkeep", app._upkeep, 1, 0, 5000, 0, 0), ("trend", app._trend, 100, 19, 5000, 0, 0),
        ("console", None, 0, 0, 0, 0, 0),
    ]  # fmt: skip
    found = zip(
        scheduler.names, scheduler._functions, scheduler._period, scheduler._phase,
        scheduler._budget_us, scheduler._locked, scheduler._protects,
    )  # fmt: skip
    for row, (name, function, *numbers) in zip(found, expected, strict=False):
        assert row[0] == name
        assert list(row[2:]) == numbers
        assert row[1] == function
    assert scheduler.names == [row[0] for row in expected]


def test_a_new_cabinet_knows_nothing_asks_nothing_and_says_so(app):
    assert (app.restart, app.uptime_ticks, app.estimate_failed) == (False, 0, False)
    assert app.self_test_result == ""
    assert logged(app) == [(event_log.BOOT, 0, 0, app.log.boot, 0)]
    assert app.log._pending[0] == 0  # ticks
    assert app.signals.value[s.UNCLEAN_STOP] == 0
    assert (app.signals.count[s.PARAMETERS_CONFLICT], app.parameters_conflict) == (1, "none")
    assert app.signals.value[s.PARAMETERS_CONFLICT] == 0
    assert not app.modes.hold
    assert not app.records.hurried
    assert app._written is False
    assert (app.node.product_code, app.node.revision_number) == (0x215, 0x10000)
    assert (app.device_name, app.hardware_version) == ("Autarky cabinet", "unix")


def test_what_was_stored_is_loaded_before_anything_reads_it(monkeypatch):
    monkeypatch.setattr(
        cabinet_module.Keeper, "load", lambda keeper: keeper._parameters.set("can_kbit_s", 250)
    )
    rates = []
    monkeypatch.setattr(
        cabinet_module.CanPort, "set_bit_rate", lambda port, kbit_s: rates.append(kbit_s)
    )
    built()
    assert rates == [250]


def test_parameters_that_contradict_at_the_start_are_a_fault_of_it(monkeypatch):
    monkeypatch.setattr(cabinet_module.Cabinet, "_objection", lambda app: "a sentence")
    assert built().signals.value[s.PARAMETERS_CONFLICT] == 1


def test_a_program_on_trial_or_rolled_back_is_told_and_the_one_on_trial_holds():
    for name, item, held in (("on_trial", 1, True), ("rolled_back", 2, False)):
        app = built(lambda devices, name=name: setattr(devices, name, True))
        assert logged(app)[1] == (event_log.PROGRAM, item, 0, 0, 0)
        assert app.log._pending[4] == 0  # ticks
        assert app.modes.hold == held
        assert app.records.hurried


def test_a_start_without_an_orderly_end_is_told_by_mark_or_lost_memory():
    def running(devices):
        built_latches(devices).set_running(True)

    def latches_lost(devices):
        for at in range(cabinet_module.History.__init__.__globals__["AT"]):
            devices.backup[at] = 0xFF

    def history_lost(devices):
        for at in range(h.AT, h.SIZE):
            devices.backup[at] = 0xFF

    def torn(devices):
        devices.backup[1] ^= 1

    def built_latches(devices):
        return cabinet_module.Latches(devices.backup)

    for change in (running, latches_lost, history_lost, torn):
        assert built(change).signals.value[s.UNCLEAN_STOP] == 1, change.__name__


def test_a_latch_of_before_stands_from_the_start():
    app = built(lambda devices: cabinet_module.Latches(devices.backup).add(19))
    assert app.protection.tripped


def test_who_has_safe_storage_writes_at_once_and_who_has_not_spares():
    for safe, kind in ((True, Records), (False, SparingRecords)):
        app = built(lambda devices, safe=safe: setattr(devices, "storage_safe_under_load", safe))
        assert type(app.records) is kind


def test_charge_that_flowed_unseen_is_as_much_as_storage_and_the_end_before_allow():
    def board(safe, running):
        def change(devices):
            devices.storage_safe_under_load = safe
            cabinet_module.Latches(devices.backup).set_running(running)

        return built(change).estimator._unseen_s

    assert board(True, False) == board(True, True) == (20, 20)
    assert board(False, False) == (900, 300)
    assert board(False, True) == (86400, 86400)


def test_the_energy_frame_tells_a_sigma_that_is_never_too_small(app):
    at = app.telemetry._energy + 6
    for sigma_cpct, told in ((0, 0), (1, 1), (50, 1), (51, 2), (3000, 60)):
        app.estimator.soc.sigma_cpct = sigma_cpct
        app.telemetry.publish_slow(0)
        assert app.telemetry._image[at] == told


@pytest.mark.parametrize("state", range(8))
def test_at_rest_is_open_checked_or_locked(app, state):
    app.contactors.state = state
    assert app.at_rest == (state in (contactors.OPEN, contactors.WELD_CHECK, contactors.LOCKED))
    assert app._at_rest() == app.at_rest


def test_the_self_test_s_result_is_told(app):
    machine = app.modes
    machine.self_test_failed = True
    assert app.self_test_result == "failed"
    machine.self_test_failed = False
    machine.state = modes.FAULT
    assert app.self_test_result == "failed"
    machine.self_test_passed = True
    assert app.self_test_result == "passed"


def test_writing_needs_a_session_and_rest_unless_it_is_allowed_under_load(app):
    assert app._may_write(True) == abort.ACCESS
    app.session.unlocked = 1
    app.contactors.state = contactors.CLOSED
    assert app._may_write(True) == abort.NONE
    assert app._may_write(False) == abort.STATE
    app.contactors.state = contactors.OPEN
    assert app._may_write(False) == abort.NONE


def test_a_changed_parameter_is_judged_and_those_of_the_node_take_effect_at_once(app):
    calls = Calls()
    calls.on(app._judge, "changed")
    calls.on(app.node, "load")
    calls.on(app.node, "forget_guard")
    calls.on(app.parameters, "name", "its name", "name of")
    for index, expected in (
        (0x1016, ["forget_guard", "load"]), (0x1017, ["load"]), (0x1FFF, ["load"]), (0x2000, []),
        (0x2001, []),
    ):  # fmt: skip
        calls.clear()
        app._parameter_changed(index, 3)
        assert calls[:2] == [("name of", index, 3), ("changed", "its name")]
        assert [call[0] for call in calls[2:]] == expected


def test_parameters_that_contradict_are_told(app):
    calls = Calls()
    calls.on(app._judge, "objection", "a sentence")
    assert app._objection() == "a sentence"
    assert app.parameters_conflict == "a sentence"


def test_wrong_answers_are_noted_and_known_at_the_next_start(app):
    app._note_wrong_answers(5)
    assert app.history.value[h.WRONG_ANSWERS] == 5
    given = []

    class Session(cabinet_module.Session):
        def __init__(self, key, random, session_ms, wrong, note):
            given.append((session_ms, wrong))
            super().__init__(key, random, session_ms, wrong, note)

    original, cabinet_module.Session = cabinet_module.Session, Session
    try:
        built(lambda devices: h.History(devices.backup).put(h.WRONG_ANSWERS, 3))
    finally:
        cabinet_module.Session = original
    assert given[-1] == (app.parameters.get("session_ms"), 3)


def test_a_reset_is_asked_for_by_one(app):
    calls = Calls()
    calls.on(app.modes, "request_reset")
    for value, answer, expected in ((0, abort.VALUE, 0), (2, abort.VALUE, 0), (1, abort.NONE, 1)):
        calls.clear()
        assert (app.request_reset(value), len(calls)) == (answer, expected)


def test_hold_takes_one_and_zero_and_no_program_on_trial(app):
    for value, answer, held in (
        (1, abort.NONE, True),
        (2, abort.VALUE, True),
        (0, abort.NONE, False),
    ):
        assert (app.hold(value), app.modes.hold) == (answer, held)
    app.program.on_trial = True
    assert (app.hold(1), app.modes.hold) == (abort.STATE, False)


def test_a_program_is_confirmed_by_one_on_trial_and_in_standby_only(app):
    calls = Calls()
    calls.on(app.program, "confirm")
    app.modes.hold = True
    for value, on_trial, state, answer in (
        (0, True, modes.STANDBY, abort.VALUE), (2, True, modes.STANDBY, abort.VALUE),
        (1, False, modes.STANDBY, abort.STATE), (1, True, modes.SELF_TEST, abort.STATE),
        (1, True, modes.FAULT, abort.STATE),
    ):  # fmt: skip
        app.program.on_trial, app.modes.state = on_trial, state
        assert app.confirm(value) == answer
        assert app.modes.hold
        assert not calls
        assert not app.records.hurried
    app.modes.state = modes.STANDBY
    app.uptime_ticks = 77
    assert app.confirm(1) == abort.NONE
    assert calls == [("confirm",)]
    assert not app.modes.hold
    assert app.records.hurried
    assert logged(app)[-1] == (event_log.PROGRAM, 3, 0, 0, 0)


def test_answers_of_the_sdo_server_go_out_by_the_node_s_identifier(app):
    calls = Calls()
    calls.on(app.site_port, "send", True)
    assert app._send_sdo(b"12345678") is True
    assert calls == [("send", 0x582, b"12345678")]


FAST = [
    "poll", "receive", "configure", "sample", "update", "rest", "overload", "take", "clock",
    "health", "evaluate", "follow", "obey", "modes", "mark", "contactors", "pcs", "publish",
    "pcs frames", "node frames",
]  # fmt: skip


def fast_of(app):
    calls = Calls()
    for owner, name, note in (
        (app.node, "poll", "poll"), (app, "_receive_cabinet", "receive"),
        (app._ivt, "configure", "configure"), (app.inputs, "sample", "sample"),
        (app.meter, "update", "update"), (app.counter, "rest", "rest"),
        (app.counter, "add", "add"), (app.limits, "overload", "overload"),
        (app, "_take_command", "take"), (app.self_check, "step_fast", "clock"),
        (app, "_put_health", "health"), (app.protection, "evaluate_fast", "evaluate"),
        (app.limits, "follow_blocks", "follow"), (app.thermal, "obey", "obey"),
        (app.modes, "step", "modes"), (app.latches, "set_running", "mark"),
        (app.contactors, "step", "contactors"), (app.pcs, "step", "pcs"),
        (app.telemetry, "publish_status", "publish"), (app._pcs, "transmit", "pcs frames"),
        (app.node, "transmit", "node frames"), (app._healthy, "value", "healthy"),
    ):  # fmt: skip
        calls.on(owner, name, None, note)
    app.meter.fresh_current = True
    app.meter.current_ma = -1234
    app.node.sync_pending = True
    return calls


def test_the_fast_task_measures_judges_and_acts_in_that_order(app):
    calls = fast_of(app)
    app.contactors.state = contactors.OPEN
    app.protection.charge_blocked, app.protection.discharge_blocked = True, False
    app.protection.stops = 5
    app.limits.charge_w, app.limits.discharge_w = 11, 22
    app._fast(70)
    assert [call[0] for call in calls] == [*FAST, "healthy"]
    told = {call[0]: call[1:] for call in calls}
    assert told["rest"] == (-1234, 70)
    assert told["overload"] == (-1234, False)
    assert told["follow"] == (True, False)
    assert told["obey"] == (70, 5)
    assert told["mark"] == (False,)
    assert told["pcs"] == (70, 11, 22, False)
    for name in ("poll", "receive", "configure", "update", "take", "clock", "evaluate", "modes"):
        assert told[name] == (70,), name


def test_a_current_that_flows_is_counted_and_an_old_one_is_not(app):
    calls = fast_of(app)
    app.contactors.state = contactors.CLOSED
    app._fast(70)
    told = {call[0]: call[1:] for call in calls}
    assert told["add"] == (-1234, 70)
    assert "rest" not in told
    assert told["overload"] == (-1234, True)
    assert told["pcs"][-1] is True
    calls.clear()
    app.meter.fresh_current = False
    app.node.sync_pending = False
    app._fast(80)
    names = {call[0] for call in calls}
    assert not names & {"add", "rest", "overload", "publish"}


def test_the_mark_stands_from_the_wish_to_close_until_all_is_at_rest(app):
    for wanted, state, mark in (
        (True, contactors.OPEN, True), (False, contactors.OPENING, True),
        (False, contactors.CLOSED, True), (False, contactors.WELD_CHECK, False),
    ):  # fmt: skip
        calls = fast_of(app)
        app.contactors._wanted, app.contactors.state = wanted, state
        app._fast(0)
        assert ("mark", mark) in calls


def test_the_healthy_output_toggles_and_the_uptime_wraps(app):
    calls = fast_of(app)
    app.uptime_ticks = 0x3FFFFFFF
    for level, ticks in ((1, 0), (0, 1), (1, 2)):
        calls.clear()
        app._fast(0)
        assert calls[-1] == ("healthy", level)
        assert app.uptime_ticks == ticks


class Port:
    """Frames that wait on the cabinet's bus."""

    def __init__(self, count):
        self.left = count
        self.rx_id, self.rx_data, self.rx_length = 0x521, b"data", 4

    def receive(self):
        self.left -= 1
        return self.left >= 0


def test_a_frame_of_the_cabinet_goes_to_the_first_who_knows_it(app):
    for sensor, pcs, expected in (
        (True, True, ["sensor"]), (False, True, ["sensor", "pcs"]),
        (False, False, ["sensor", "pcs", "monitor"]),
    ):  # fmt: skip
        calls = Calls()
        calls.on(app._ivt, "receive", sensor, "sensor")
        calls.on(app._pcs, "receive", pcs, "pcs")
        calls.on(app._monitor, "receive", True, "monitor")
        app.cabinet_port = Port(1)
        app._receive_cabinet(90)
        assert calls == [(name, 0x521, b"data", 4, 90) for name in expected]


def test_a_babbling_node_costs_at_most_32_frames_a_tick(app):
    calls = Calls()
    calls.on(app._ivt, "receive", True)
    app.cabinet_port = Port(40)
    app._receive_cabinet(0)
    assert (len(calls), app.cabinet_port.left) == (32, 8)
    app._receive_cabinet(0)
    assert len(calls) == 40


def command(app, heard_ms, request=2, power=-300, fast=0):
    app.node.pdo.heard_ms[app._command] = heard_ms
    app._image[app._mode_request] = request
    app._image[app._power_request] = power
    app._image[app._fast_stream] = fast


def test_before_the_first_command_nothing_is_asked_and_nothing_silent(app):
    command(app, -1, fast=1)
    app._take_command(100000)
    machine = app.modes
    assert (machine.silent, machine.request, app.node.pdo.hurry) == (False, 0, False)
    assert app.signals.value[s.COMMAND_AGE] == 0
    assert app.signals.count[s.COMMAND_AGE] == 1


def test_a_command_asks_with_its_power_in_watts_from_the_first_moment_on(app):
    for heard_ms in (0, 1000):
        command(app, heard_ms, fast=1)
        app._take_command(heard_ms + 200)
        machine = app.modes
        assert (machine.silent, machine.request, machine.request_w) == (False, 2, -30000)
        assert app.node.pdo.hurry
        assert app.signals.value[s.COMMAND_AGE] == 200
    command(app, 1000, fast=0)
    app._take_command(1200)
    assert not app.node.pdo.hurry


def test_silence_begins_after_half_a_second_and_the_counter_starts_anew_once(app):
    calls = Calls()
    calls.on(app.command_checker, "restart")
    command(app, 1000, fast=1)
    app._take_command(1499)
    assert (app.modes.silent, calls) == (False, [])
    for now_ms in (1500, 1510):
        app._take_command(now_ms)
        assert (app.modes.silent, len(calls)) == (True, 1)
    assert not app.node.pdo.hurry
    command(app, 1520)
    app._take_command(1530)
    assert not app.modes.silent
    app._take_command(3000)
    assert len(calls) == 2


def test_the_first_silence_counts_too(app):
    calls = Calls()
    calls.on(app.command_checker, "restart")
    command(app, 0)
    app._take_command(1000)
    assert len(calls) == 1


def test_a_stop_of_the_node_is_a_stop_of_the_machine(app):
    for stop in (True, False):
        app.node = SimpleNamespace(pdo=app.node.pdo, stop_requested=stop)
        app._take_command(0)
        assert app.modes.stop_requested == stop


HEALTH = {
    s.TASK_STOPPED: ("scheduler", "stopped"), s.HEAP_USED: ("scheduler", "allocated"),
    s.SELF_TEST_FAILED: ("modes", "self_test_failed"), s.GUARD_LOST: ("node", "guard_lost"),
    s.DUPLICATE_ID: ("node", "duplicate_id"), s.BUS_OFF: ("site_port", "bus_off"),
    s.CABINET_BUS_OFF: ("cabinet_port", "bus_off"), s.LOG_STORAGE: ("records", "failed"),
    s.LINK_MUTE: ("node", "mute"),
}  # fmt: skip


def well(app):
    for part in ("scheduler", "modes", "site_port", "cabinet_port", "records"):
        setattr(app, part, SimpleNamespace())
    app.node = SimpleNamespace(node_id=2, booted=True)
    for part, name in HEALTH.values():
        setattr(getattr(app, part), name, False)
    return app


@pytest.mark.parametrize("signal", HEALTH)
def test_each_part_of_the_cabinet_s_health_has_a_signal_put_on_change(app, signal):
    well(app)
    before = {other: app.signals.count[other] for other in HEALTH}
    app._put_health()
    app._put_health()
    assert all(app.signals.count[other] == before[other] + 1 for other in HEALTH)
    part, name = HEALTH[signal]
    setattr(getattr(app, part), name, True)
    app._put_health()
    app._put_health()
    assert [other for other in HEALTH if app.signals.value[other]] == [signal]
    assert app.signals.count[signal] == before[signal] + 2
    setattr(getattr(app, part), name, False)
    app._put_health()
    assert not any(app.signals.value[other] for other in HEALTH)


def test_who_has_no_id_or_has_not_booted_is_not_mute_yet(app):
    for node_id, booted in ((0, True), (2, False)):
        well(app)
        app.node.node_id, app.node.booted, app.node.mute = node_id, booted, True
        app._put_health()
        assert app.signals.value[s.LINK_MUTE] == 0


def test_a_streak_of_bad_crcs_is_put_when_it_changes(app):
    app._pcs.crc_streak = 3
    app._put_health()
    app._put_health()
    assert (app.signals.value[s.PCS_CRC], app.signals.count[s.PCS_CRC]) == (3, 1)


def upkeep_of(app):
    calls = Calls()
    calls.on(app.site_port, "recover", None, "site")
    calls.on(app.cabinet_port, "recover", None, "cabinet")
    calls.on(app.session, "step", None, "session")
    app.node = SimpleNamespace(
        duplicate_id=False, node_id=2, reset_communication=False, reset_node=False
    )
    calls.on(app.node, "give_up_id")
    calls.on(app.node, "reset")
    app.program = SimpleNamespace(starting=False, on_trial=False, late=False)
    app.program.expired = lambda ticks: app.program.late and ticks == app.uptime_ticks
    app.contactors.state = contactors.OPEN
    return calls


def test_upkeep_looks_after_buses_and_session_each_tenth_tick(app):
    calls = upkeep_of(app)
    for ticks in range(9, 31):
        app.uptime_ticks = ticks
        calls.clear()
        app.modes.hold = True
        app._upkeep(50)
        due = ticks % 10 == 0
        names = [("site", 50), ("cabinet", 50), ("session", 50)] if due else []
        assert calls == names
        assert app.modes.hold != due  # whoever asked for it has gone


def test_hold_outlives_neither_its_session_nor_falls_in_a_trial(app):
    for unlocked, on_trial, held in ((1, False, True), (0, True, True), (0, False, False)):
        upkeep_of(app)
        app.session.unlocked, app.program.on_trial = unlocked, on_trial
        app.modes.hold = True
        app._upkeep(0)
        assert app.modes.hold == held
        assert not app.node.reset_node


def test_a_program_that_starts_or_was_not_confirmed_in_time_asks_for_a_restart(app):
    for name in ("starting", "late"):
        upkeep_of(app)
        setattr(app.program, name, True)
        app._upkeep(0)
        assert app.modes.hold
        assert app.node.reset_node


def test_ids_and_communication_are_given_up_at_rest_only(app):
    for duplicate, node_id, communication, expected in (
        (True, 2, False, ["give_up_id"]), (True, 0, False, []), (False, 2, True, ["reset"]),
    ):  # fmt: skip
        for state, at_rest in ((contactors.OPEN, True), (contactors.CLOSED, False)):
            calls = upkeep_of(app)
            app.uptime_ticks = 1
            app.node.duplicate_id, app.node.node_id = duplicate, node_id
            app.node.reset_communication = communication
            app.contactors.state = state
            app._upkeep(0)
            assert [call[0] for call in calls] == (expected if at_rest else [])


def test_a_restart_waits_for_rest_the_records_and_the_mark(app):
    for asked, state, written, running, finished in (
        (True, contactors.OPEN, True, False, True), (False, contactors.OPEN, True, False, True),
        (True, contactors.OPENING, True, False, True), (True, contactors.OPEN, False, False, True),
        (True, contactors.OPEN, True, True, True), (True, contactors.OPEN, True, False, False),
    ):  # fmt: skip
        upkeep_of(app)
        calls = Calls()
        calls.on(app.records, "finish", finished)
        app.restart = False
        app.node.reset_node = asked
        app.contactors.state = state
        app._written = written
        app.latches.set_running(running)
        app._upkeep(0)
        due = asked and state == contactors.OPEN and written and not running
        assert len(calls) == due
        assert app.restart == (due and finished)


def test_a_restart_waits_for_no_failure(app):
    upkeep_of(app)

    def fails():
        raise ValueError

    app.records.finish = fails
    app.node.reset_node = app._written = True
    with pytest.raises(ValueError):
        app._upkeep(0)
    assert app.restart is True


def test_records_and_trend_are_told_whether_all_is_at_rest(app):
    for state, at_rest in ((contactors.OPEN, True), (contactors.CLOSED, False)):
        calls = Calls()
        calls.on(app.records, "step", at_rest)
        calls.on(app.records, "second")
        app.contactors.state = state
        app._write(0)
        app._trend(0)
        assert calls == [("step", at_rest), ("second", at_rest)]
        assert app._written == at_rest


def cells_of(app):
    calls = Calls()
    for owner, name, note in (
        (app.slots, "step", "slots"), (app.meter, "update_voltage_age", "ages"),
        (app.cells, "evaluate", "cells"), (app.plausibility, "step_cells", "plausibility"),
        (app.environment, "step_cells", "environment"), (app.telemetry, "judge", "judge"),
        (app.protection, "evaluate_cells", "protection"), (app.limits, "evaluate", "limits"),
        (app.protection, "suspend_undervoltage", "suspend"), (app.trace, "sample", "trace"),
        (app.limits, "follow_blocks", "follow"),
    ):  # fmt: skip
        calls.on(owner, name, None, note)
    calls.on(app, "_derating", 700)
    app.cells.seen_all = app.meter.seen_all = True
    return calls


def test_a_scan_is_judged_and_limits_what_is_allowed_in_that_order(app):
    calls = cells_of(app)
    app.estimator.soc = SimpleNamespace(soc_cpct=5100, mean_cpct=5200)
    meter, cells = app.meter, app.cells
    meter.current_ma, meter.string_mv, meter.link_mv = 1, 2, 3
    cells.cell_min_dmv, cells.cell_max_dmv, cells.temp_min_dc, cells.temp_max_dc = 4, 5, 6, 7
    app.protection.charge_blocked, app.protection.discharge_blocked = False, True
    app.limits.recharging = True
    app._evaluate_cells(60)
    assert calls == [
        ("slots", 60), ("ages", 60), ("cells", 60), ("plausibility", 5200), ("environment",),
        ("judge",), ("protection", 60), ("_derating",),
        ("limits", cells, 5100, 2, False, 700, False, True), ("suspend", True),
        ("trace", 1, 2, 3, 4, 5, 6, 7, True, True), ("follow", False, True),
    ]  # fmt: skip


def test_until_cells_and_string_were_measured_no_power_is_allowed(app):
    for cells, meter in ((False, True), (True, False)):
        calls = cells_of(app)
        app.cells.seen_all, app.meter.seen_all = cells, meter
        app._evaluate_cells(60)
        assert next(call for call in calls if call[0] == "limits")[5] == 0
        assert next(call for call in calls if call[0] == "trace")[8:] == (meter, cells)


def test_estimation_counts_only_on_whole_and_fresh_readings(app):
    for seen, fresh, age_ms, good in (
        (True, True, 1000, True), (False, True, 0, False), (True, False, 0, False),
        (True, True, 1001, False),
    ):  # fmt: skip
        calls = Calls()
        app.estimator = SimpleNamespace(
            started=good, power=SimpleNamespace(charge_ma=[1, 2], discharge_ma=[3, 4])
        )
        calls.on(app.estimator, "slice")
        calls.on(app.limits, "follow_model")
        app.cells = SimpleNamespace(seen_all=seen, all_fresh=fresh)
        app.signals.put(s.TEMP_AGE, age_ms)
        app._estimate(80)
        assert calls == [("slice", 80, good)] + ([("follow_model", 1, 3)] if good else [])


def test_an_anchor_is_logged_and_worth_a_write(app):
    app._on_anchor(2, 300, 1000)
    assert logged(app)[-1] == (event_log.ANCHOR, 2, 0, 300, 1000)
    assert app.records.changed


@pytest.mark.parametrize(
    ("standing", "pcs_dc", "permille"),
    [
        ((), 250, 1000), (("coolant_flow",), 250, 500), (("compressor",), 250, 400),
        (("coolant_flow", "compressor"), 250, 400),
        ((), 450, 1000),
        ((), 451, 998), ((), 454, 990), ((), 650, 500), ((), 846, 10), ((), 850, 0), ((), 900, 0),
        (("coolant_flow",), 550, 500), (("coolant_flow",), 690, 400), (("compressor",), 692, 395),
    ],
)  # fmt: skip
def test_derating_is_the_smallest_that_cooling_and_the_pcs_leave(app, standing, pcs_dc, permille):
    standing = [app.protection.row(fault_id(name), 1) for name in standing]
    app.protection.stands = standing.__contains__
    app.signals.put(s.PCS_TEMP, pcs_dc)
    assert app._derating() == permille


def test_an_estimate_that_fails_leaves_half_for_its_model_s_limit_is_an_old_one(app):
    app.scheduler.failures[4] += 1
    app._put_counters()
    assert app._derating() == 500
    app._put_counters()
    assert app._derating() == 1000


class Unreadable:
    """A region of which no byte can be read; what is written is kept."""

    def __init__(self, region):
        self.size = region.size
        self.written = 0

    def readinto(self, offset, buffer):
        raise OSError(5)

    def write(self, offset, data):
        self.written += len(data)


@pytest.mark.parametrize(
    ("region", "signal"),
    [("parameters", s.PARAMETERS_CORRUPT), ("log", s.LOG_STORAGE), ("trace", None),
     ("trend", s.LOG_STORAGE), ("state", None)],
)  # fmt: skip
def test_a_region_that_cannot_be_read_at_boot_is_told_and_not_written_over(region, signal):
    """The cabinet starts, for it could tell nobody otherwise; what stands there may be whole."""
    storage = {}

    def change(devices):
        devices.storage[region] = storage[region] = Unreadable(devices.storage[region])

    app = built(change)
    app.telemetry.soc_known = True
    app.records.second(True)
    app.records.step(True)
    app._put_health()
    assert storage[region].written == 0
    if signal is not None:
        assert app.signals.value[signal]


def slow_of(app):
    calls = Calls()
    for owner, name, note in (
        (app.thermal, "step", "thermal"), (app.meter, "step_slow", "meter"),
        (app, "_hold_stamps", "stamps"), (app, "_put_counters", "counters"),
        (app.environment, "step_slow", "environment"),
        (app.plausibility, "step_slow", "plausibility"), (app.insulation, "step", "insulation"),
        (app.self_check, "step_slow", "self check"), (app, "_put_history", "history"),
        (app.balancing, "step", "balancing"),
    ):  # fmt: skip
        calls.on(owner, name, None, note)
    app.cells = SimpleNamespace(seen_all=True, all_fresh=True)
    app.signals.put(s.TEMP_AGE, 0)
    app.meter.current_ma = 42
    return calls


def test_the_slow_task_does_its_work_once_a_second(app):
    calls = slow_of(app)
    app._slow(70)
    assert calls == [
        ("thermal", 70, True), ("meter",), ("stamps", 70), ("counters",), ("environment",),
        ("plausibility",), ("insulation", 70), ("self check",), ("history",),
        ("balancing", True, 42),
    ]  # fmt: skip


def test_temperatures_are_trusted_when_all_were_seen_within_a_second(app):
    for seen, age_ms, trusted in ((True, 1000, True), (True, 1001, False), (False, 0, False)):
        calls = slow_of(app)
        app.cells.seen_all = seen
        app.signals.put(s.TEMP_AGE, age_ms)
        app._slow(70)
        assert calls[0] == ("thermal", 70, trusted)
        assert calls[-1] == ("balancing", trusted, 42)


def test_cells_are_bled_only_while_nothing_stands_against_it(app):
    for level, blocked, stops, fresh, allowed in (
        (2, False, HEATER, True, True), (3, False, 0, True, False), (0, True, 0, True, False),
        (0, False, BLEEDING, True, False), (0, False, BLEEDING | HEATER, True, False),
        (0, False, 0, False, False),
    ):  # fmt: skip
        calls = slow_of(app)
        app.protection.worst_level, app.protection.charge_blocked = level, blocked
        app.protection.stops, app.cells.all_fresh = stops, fresh
        app._slow(70)
        assert calls[-1] == ("balancing", allowed, 42)


def test_state_of_charge_is_a_signal_once_it_is_known(app):
    for started, count in ((False, 0), (True, 1)):
        slow_of(app)
        app.estimator = SimpleNamespace(started=started, soc=SimpleNamespace(soc_cpct=6100))
        app._slow(70)
        assert app.signals.count[s.SOC] == count
    assert app.signals.value[s.SOC] == 6100


def test_overruns_of_all_tasks_count_for_the_second_they_happened_in(app):
    slow_of(app)
    app.scheduler.overruns[0], app.scheduler.overruns[5] = 2, 3
    app._slow(70)
    assert app.signals.value[s.TASK_OVERRUN] == 5
    app._slow(1070)
    assert app.signals.value[s.TASK_OVERRUN] == 0
    app.scheduler.overruns[1] = 1
    app._slow(2070)
    assert app.signals.value[s.TASK_OVERRUN] == 1


def test_wear_is_that_of_the_contactor_that_closed_most(app):
    calls = Calls()
    calls.on(app.contactors, "step_slow")
    for field, count in ((h.MINUS_CLOSINGS, 5), (h.PLUS_CLOSINGS, 9), (h.PRECHARGE_CLOSINGS, 7)):
        app.history.put(field, count)
    app._put_history()
    assert calls == [("step_slow",)]
    assert app.signals.value[s.CONTACTOR_CYCLES] == 9


def test_a_stop_is_worked_off_in_ten_minutes_and_never_below_none(app):
    app.history.put(h.STOPS, 2)
    for left in (2, 1, 0, 0):
        for _ in range(599):
            app._put_history()
            assert app.signals.value[s.REPEATED_STOPS] == left
        app._put_history()
        assert app.signals.value[s.REPEATED_STOPS] == max(left - 1, 0)


STAMPS = {
    "_pcs": ["status_ms"], "_monitor": ["calculated_ms"], "meter": ["_started_ms"],
    "insulation": ["_started_ms", "_fresh_ms"], "pcs": ["_started_ms", "_stopped_at_ms"],
    "contactors": ["_since_ms", "_failed_ms"], "modes": ["_since_ms", "_key_since_ms"],
    "session": ["_unlocked_ms", "_failed_ms"],
    "node": ["_guard_heard_ms", "_own_heard_ms", "_heartbeat_at_ms", "_refused_ms"],
    "thermal": [
        "_flow_since_ms", "_heater_ms_at", "_chiller_ms_at", "_idle_since_ms", "_asked_since_ms",
    ],
}  # fmt: skip


def test_each_old_stamp_is_kept_old_one_owner_a_second_in_turns(app):
    calls = Calls()
    for owner, name in (
        (app._ivt, "sensor"), (app.cells, "cells"), (app.node.pdo, "pdos"),
        (app.protection, "protection"),
    ):  # fmt: skip
        calls.on(owner, "hold_stamps", None, name)
    now_ms = 0x1FFFFFFF
    for turn in (1, 2):
        calls.clear()
        for part, names in STAMPS.items():
            for name in names:
                setattr(getattr(app, part), name, 0)
        for second in range(14):
            moved = sum(
                getattr(getattr(app, part), name) != 0
                for part, names in STAMPS.items() for name in names
            )  # fmt: skip
            assert moved <= 5 * second
            app._hold_stamps(now_ms)
        for part, names in STAMPS.items():
            for name in names:
                assert getattr(getattr(app, part), name) == now_ms - 0x10000000, (part, name, turn)
        assert calls == [(name, now_ms) for name in ("sensor", "cells", "pdos", "protection")]


def test_nothing_was_counted_before_the_first_second(app):
    app._put_counters()
    for signal in (s.COMMAND_CRC, s.COMMAND_REPLAY, s.RECEIVE_OVERRUN, s.LOG_LOST, s.PART_FAILED):
        assert (app.signals.value[signal], app.signals.count[signal]) == (0, 1)


def test_counters_tell_what_came_in_the_last_second(app):
    checker, signals = app.command_checker, app.signals
    for first, second in ((7, 3), (0x1FFFFFFF - 10, 5)):
        checker.crc_errors = first
        checker.counter_errors = first + 1
        app.site_port.rx_lost, app.cabinet_port.rx_lost = first, 2
        app.log.lost = first + 4
        app._put_counters()
        checker.crc_errors += second
        checker.counter_errors += second + 1
        app.site_port.rx_lost += second
        app.cabinet_port.rx_lost += 1
        app.log.lost += second + 2
        app._put_counters()
        assert signals.value[s.COMMAND_CRC] == second
        assert signals.value[s.COMMAND_REPLAY] == second + 1
        assert signals.value[s.RECEIVE_OVERRUN] == second + 1
        assert signals.value[s.LOG_LOST] == second + 2
        app._put_counters()
        for signal in (s.COMMAND_CRC, s.COMMAND_REPLAY, s.RECEIVE_OVERRUN, s.LOG_LOST):
            assert signals.value[signal] == 0


def test_parts_that_failed_are_counted_and_logged_by_their_row(app):
    app.scheduler.failures[4] = 2
    app.scheduler.failures[10] = 1
    app._put_counters()
    assert app.estimate_failed
    assert app.signals.value[s.PART_FAILED] == 3
    assert logged(app)[-2:] == [
        (event_log.PART_FAILED, 5, 1, 2, 2), (event_log.PART_FAILED, 11, 1, 1, 1),
    ]  # fmt: skip
    app.scheduler.failures[10] = 3
    app._put_counters()
    assert not app.estimate_failed
    assert app.signals.value[s.PART_FAILED] == 2
    assert logged(app)[-1] == (event_log.PART_FAILED, 11, 1, 2, 3)
    app._put_counters()
    assert app.signals.value[s.PART_FAILED] == 0


def test_a_fault_is_logged_sent_and_freezes_the_trace_when_it_latches(app):
    for level, raised, freezes in (
        (1, True, False), (2, True, False), (3, True, True), (4, True, True), (5, True, False),
        (3, False, False),
    ):  # fmt: skip
        calls = Calls()
        calls.on(app.trace, "freeze")
        calls.on(app.node.emcy, "put")
        app.records.hurried = False
        app._on_fault(19, level, raised, 0x3110, 36600, 36500)
        kind = event_log.RAISED if raised else event_log.CLEARED
        assert logged(app)[-1] == (kind, 19, level, 36600, 36500)
        code = 0x3110 if raised else 0
        register = app.protection.error_register
        expected = [("freeze",)] if freezes else []
        assert calls == [*expected, ("put", code, register, 19, level)]
        assert app.records.hurried == freezes


def test_when_a_task_dies_every_output_falls_and_no_cell_is_bled(app):
    calls = Calls()
    for name, output in app._outputs.items():
        calls.on(output, "value", None, name)
    calls.on(app.balancing, "stop")
    app._on_task_death("fast")
    assert calls == [*((name, 0) for name in app._outputs), ("stop",)]
    assert len(app._outputs) == 8


def test_a_step_runs_the_schedule(app):
    calls = Calls()
    calls.on(app.scheduler, "step")
    app.step(30)
    assert calls == [("step", 30)]
