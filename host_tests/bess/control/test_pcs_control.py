from bess.control import pcs_control as p
from bess.control.pcs_control import PcsControl
from bess.drivers import pcs as driver
from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters

WIDE = 125000


class Pcs:
    def __init__(self):
        self.runs = False
        self.power_w = 0
        self.power_actual_w = 0
        self.state = driver.RUNNING
        self.status_ms = 0

    def start(self):
        self.runs = True

    def stop(self):
        self.runs = False

    def set(self, power_w, reactive_var):
        assert reactive_var == 0
        self.power_w = power_w


class Meter:
    power_w = 0


class Gate:
    def __init__(self):
        self.level = 0

    def value(self, level):
        self.level = level


class Rig:
    def __init__(self):
        self.pcs = Pcs()
        self.gate = Gate()
        self.signals = Signals()
        self.meter = Meter()
        self.control = PcsControl(self.pcs, self.gate, self.meter, Parameters(), self.signals)
        self.now_ms = 0

    def run(self, ms, charge_w=WIDE, discharge_w=WIDE, closed=True):
        for _ in range(ms // 10):
            self.control.step(self.now_ms, charge_w, discharge_w, closed)
            self.now_ms += 10
        return self.control.setpoint_w

    def following(self, power_w):
        self.control.start()
        self.control.follow(power_w)
        self.run(15000)
        assert self.control.setpoint_w == power_w
        return self


def test_soft_start_takes_ten_seconds_to_full_power():
    rig = Rig()
    rig.control.follow(100000)
    rig.run(10)
    assert rig.run(4000) == 50000
    assert rig.run(4000) == 100000


def test_tracking_is_fast_once_reached():
    rig = Rig().following(10000)
    rig.control.follow(100000)
    assert rig.run(150) > 90000


def test_a_falling_limit_is_followed_in_the_same_tick():
    rig = Rig().following(100000)
    assert rig.run(10, discharge_w=5000) == 5000
    rig = Rig().following(-100000)
    assert rig.run(10, charge_w=0) == 0


def test_set_points_never_leave_the_limits():
    rig = Rig()
    rig.control.follow(10**6)
    rig.run(20000, discharge_w=70000)
    assert rig.control.setpoint_w == 70000
    rig.control.follow(-(10**6))
    rig.run(20000, charge_w=30000)
    assert rig.control.setpoint_w == -30000


def test_block_is_immediate_and_drops_the_gate():
    rig = Rig().following(100000)
    assert rig.gate.level == 1
    rig.control.block()
    assert rig.gate.level == 0
    rig.run(10)
    assert (rig.pcs.power_w, rig.pcs.runs) == (0, False)


def test_silence_ramps_softly_and_power_comes_back_softly():
    rig = Rig().following(100000)
    rig.control.fade()
    assert rig.run(1000) == 87500
    rig.control.follow(100000)
    # one second at 12.5 kW/s
    assert rig.run(1000) == 100000
    rig.control.fade()
    rig.run(2000)
    rig.control.follow(100000)
    assert rig.run(1000) == 87500


def test_release_stops_within_a_second():
    rig = Rig().following(100000)
    rig.control.release()
    assert rig.run(1000) == 0


def test_age_and_fault_of_the_pcs_are_put():
    rig = Rig()
    rig.run(700)
    assert rig.signals.value[s.PCS_AGE] == 690
    assert rig.signals.value[s.PCS_FAULT] == 0
    rig.pcs.state = driver.FAULT
    rig.run(10)
    assert rig.signals.value[s.PCS_FAULT] == 1


def test_a_gap_in_time_does_not_jump_the_ramp():
    rig = Rig()
    rig.control.follow(100000)
    rig.run(20)
    rig.now_ms += 100000
    assert rig.run(10) <= 125 + 1250


def test_a_clock_that_jumps_back_moves_no_set_point():
    """A negative step ran away from the request, and its product left 31 bits."""
    rig = Rig().following(10000)
    rig.control.follow(100000)
    rig.control.step(rig.now_ms - 2**28, WIDE, WIDE, True)
    assert rig.control.setpoint_w == 10000


def deviation(rig):
    return rig.signals.value[s.PCS_DEVIATION]


def test_power_off_the_set_point_is_told_by_report_and_by_sensor():
    """Neither is believed alone, to either side, in permille of 125 kW."""
    for power_w in (0, 40000, -40000):
        for off_w in (12500, -12500, 100000, -100000):
            rig = Rig().following(power_w)
            rig.pcs.power_actual_w = rig.meter.power_w = power_w
            rig.run(1000)
            assert deviation(rig) == 0
            rig.pcs.power_actual_w = power_w + off_w
            rig.run(10)
            assert 0 <= abs(off_w) // 125 - deviation(rig) <= 1
            rig.pcs.power_actual_w = power_w
            rig.meter.power_w = power_w + off_w  # it reports what it was told
            rig.run(10)
            assert 0 <= abs(off_w) // 125 - deviation(rig) <= 1
            rig.run(10, closed=False)
            assert deviation(rig) == 0


def test_a_pcs_that_follows_with_some_delay_does_not_deviate():
    rig = Rig().following(0)
    rig.control.follow(100000)
    history = [0] * 6
    for _ in range(100):
        rig.pcs.power_actual_w = rig.meter.power_w = history.pop(0)
        rig.run(10)
        history.append(rig.control.setpoint_w)
        assert deviation(rig) < 60  # the warning
    rig.control.follow(-100000)
    for _ in range(200):
        rig.pcs.power_actual_w = rig.meter.power_w = history.pop(0)
        rig.run(10)
        history.append(rig.control.setpoint_w)
        assert deviation(rig) < 60  # the warning


def test_the_band_of_set_points_closes_within_a_second():
    rig = Rig().following(100000)
    rig.pcs.power_actual_w = rig.meter.power_w = 100000
    rig.run(100)
    rig.control.block()
    rig.run(1000)
    assert 790 <= deviation(rig) <= 800


def test_a_pcs_that_leaves_running_by_itself_is_told_and_starts_softly_from_zero():
    rig = Rig().following(100000)
    assert rig.signals.value[s.PCS_STATE] == 0
    for state in (driver.OFF, driver.STARTING, driver.STOPPING, driver.FAULT):
        rig.pcs.state = state
        rig.run(10)
        assert rig.signals.value[s.PCS_STATE] == 1
        assert rig.control.setpoint_w == 0
    rig.run(2000)
    rig.pcs.state = driver.RUNNING
    assert rig.run(1000) <= 12500  # 10 % a second
    assert rig.signals.value[s.PCS_STATE] == 0


def test_a_pcs_that_starts_is_not_expected_to_run_yet():
    rig = Rig()
    rig.pcs.state = driver.STARTING
    rig.control.start()
    rig.run(3000)
    assert rig.signals.value[s.PCS_STATE] == 0


def test_a_pcs_that_runs_on_two_seconds_after_its_stop_is_told():
    for verb in (PcsControl.block, PcsControl.stop):
        rig = Rig().following(10000)
        verb(rig.control)
        rig.run(1990)
        assert rig.signals.value[s.PCS_STATE] == 0
        rig.run(10)
        assert rig.signals.value[s.PCS_STATE] == 1
        rig.pcs.state = driver.OFF
        rig.run(10)
        assert rig.signals.value[s.PCS_STATE] == 0
    rig = Rig()  # one that runs before anybody told it to
    rig.run(2000)
    assert rig.signals.value[s.PCS_STATE] == 0
    rig.run(10)
    assert rig.signals.value[s.PCS_STATE] == 1


def test_off_keeps_the_gates_released_and_takes_the_power_at_once():
    rig = Rig().following(10000)
    rig.control.stop()
    assert rig.run(10) == 0
    assert (rig.gate.level, rig.pcs.runs) == (1, False)
    rig.control.block()
    rig.run(10)
    assert (rig.gate.level, rig.pcs.runs) == (0, False)


def test_block_leaves_nothing_of_the_power_in_its_own_call():
    rig = Rig().following(10000)
    assert not rig.control._soft
    rig.control.block()
    assert (rig.control.setpoint_w, rig.control._soft, rig.control.mode) == (0, True, p.BLOCKED)


def test_each_ramp_is_exact():
    rig = Rig().following(10000)
    rig.control.follow(100000)
    assert rig.run(10) == 10000 + 6250  # 500 %/s of 125 kW
    rig.run(200)
    rig.control.release()
    assert rig.run(10) == 100000 - 1250
    rig = Rig().following(10000)
    rig.control.fade()
    assert rig.run(10) == 10000 - 125


def test_a_request_that_is_reached_on_the_dot_ends_the_soft_ramp():
    for request_w in (1250, -1250):
        rig = Rig()
        rig.control.follow(request_w)
        rig.run(10)
        rig.run(90)
        assert rig.control._soft
        assert rig.run(10) == request_w
        assert not rig.control._soft


def test_the_age_of_the_pcs_counts_from_the_start_until_it_is_heard():
    for status_ms, age_ms in ((-1, 40), (0, 5040), (5030, 10)):
        rig = Rig()
        rig.now_ms = 5000
        rig.pcs.status_ms = status_ms
        rig.run(50)
        assert rig.signals.value[s.PCS_AGE] == age_ms


def test_a_pcs_that_starts_a_second_time_is_not_expected_to_run_yet():
    rig = Rig().following(1000)
    rig.control.stop()
    rig.run(100)
    rig.pcs.state = driver.STARTING
    rig.run(10)
    rig.control.start()
    rig.run(500)
    assert rig.signals.value[s.PCS_STATE] == 0


def test_a_single_watt_deviates_on_a_pcs_of_a_kilowatt_and_none_does_not():
    parameters = Parameters()
    parameters.set("pcs_rated_w", 1000)
    rig = Rig()
    rig.control = PcsControl(rig.pcs, rig.gate, rig.meter, parameters, rig.signals)
    rig.pcs.power_actual_w = rig.meter.power_w = 0
    rig.run(10)
    assert deviation(rig) == 0
    for power_w in (1, -1):
        rig.pcs.power_actual_w = power_w
        rig.run(10)
        assert deviation(rig) == 1
        rig.run(10, closed=False)
        assert deviation(rig) == 0


def test_modes_are_in_the_order_of_what_they_let_through():
    """`mode <= STOPPED` lets no power flow."""
    assert [p.BLOCKED, p.STOPPED, p.FOLLOW, p.RELEASE, p.FADE] == [0, 1, 2, 3, 4]


def test_each_verb_is_a_mode_until_the_next():
    control = Rig().control
    for verb, mode in (
        (control.stop, p.STOPPED), (control.start, p.FOLLOW), (control.release, p.RELEASE),
        (control.fade, p.FADE), (control.block, p.BLOCKED),
    ):  # fmt: skip
        verb()
        assert control.mode == mode
    control.follow(1)
    assert control.mode == p.FOLLOW


def test_a_start_asks_for_no_power_and_a_soft_ramp():
    rig = Rig().following(10000)
    rig.control.start()
    assert rig.control._soft
    assert rig.run(10) == 10000 - 125
    assert rig.run(1000) == 0
    assert rig.pcs.runs


def test_a_start_that_failed_is_a_fault_of_the_pcs_until_the_operator_s_reset():
    rig = Rig()
    rig.run(10)
    assert rig.signals.value[s.PCS_FAULT] == 0
    rig.control.fail_start()
    rig.run(10)
    assert rig.signals.value[s.PCS_FAULT] == 1
    rig.control.reset()
    rig.run(10)
    assert rig.signals.value[s.PCS_FAULT] == 0


def test_the_driver_is_told_each_order_at_once_and_a_set_point_when_it_changes():
    rig = Rig()
    told = []
    for name in ("start", "stop", "set"):
        setattr(rig.pcs, name, lambda *arguments, name=name: told.append((name,) + arguments))
    rig.run(50)
    assert told == []
    rig.control.start()
    assert told == [("start",)]
    rig.control.follow(1250)
    rig.run(150)
    assert told[1:] == [("set", power_w, 0) for power_w in range(125, 1251, 125)]
    told.clear()
    rig.control.block()
    rig.run(50)
    assert told == [("stop",), ("set", 0, 0)]
    rig.control.stop()
    assert told[2:] == [("stop",)]


def test_at_the_start_nothing_is_asked_and_all_is_blocked():
    control = Rig().control
    assert (control.mode, control.setpoint_w, control._soft) == (p.BLOCKED, 0, True)


def test_it_runs_when_the_pcs_says_so_and_in_no_other_state():
    rig = Rig()
    for state in (driver.OFF, driver.STARTING, driver.RUNNING, driver.STOPPING, driver.FAULT):
        rig.pcs.state = state
        assert rig.control.running() is (state == driver.RUNNING)
