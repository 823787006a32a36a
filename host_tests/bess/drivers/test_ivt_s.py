from bess.drivers.ivt_s import CURRENT, U1, IvtS


class Port:
    def __init__(self):
        self.sent = []
        self.full = False

    def send(self, can_id, data):
        if self.full:
            return False
        self.sent.append((can_id, bytes(data)))
        return True


def frame(channel, value, counter, state=0):
    raw = value & 0xFFFFFFFF
    return bytes((channel, state | counter, raw >> 24, raw >> 16 & 255, raw >> 8 & 255, raw & 255))


def test_results_keep_sign_and_size():
    sensor = IvtS(Port())
    counter = 0
    for value in (0, 1, -1, 123456, -123456, 500000, -500000, 1999999, -2000000):
        counter = (counter + 1) & 15
        assert sensor.receive(0x521, frame(CURRENT, value, counter), 6, 10)
        assert sensor.value[CURRENT] == value


def test_repeated_counters_and_error_bits_are_not_fresh():
    sensor = IvtS(Port())
    sensor.receive(0x522, frame(U1, 700000, 1), 6, 10)
    for data in (frame(U1, 1, 1), frame(U1, 1, 2, 0x20), frame(U1, 1, 3, 0x80), frame(2, 1, 4)):
        sensor.receive(0x522, data, 6, 20)
    sensor.receive(0x522, frame(U1, 1, 5), 5, 20)
    assert sensor.count[U1] == 1
    assert sensor.value[U1] == 700000
    assert sensor.at_ms[U1] == 10
    assert sensor.errors == 5


def test_what_is_beyond_the_sensor_counts_as_its_largest_value():
    """A short of 100 kA is a short, and no product may leave 31 bits."""
    sensor = IvtS(Port())
    counter = 0
    for value in (2000001, 2097152, 0x7FFFFFFF, 100000000):
        for sign in (1, -1):
            counter = (counter + 1) & 15
            sensor.receive(0x521, frame(CURRENT, sign * value, counter), 6, 10)
            assert sensor.value[CURRENT] == sign * 2000000, value
    assert sensor.count[CURRENT] == 8


def test_frames_of_others_are_left_alone():
    sensor = IvtS(Port())
    assert not sensor.receive(0x520, bytes(8), 8, 0)
    assert not sensor.receive(0x525, bytes(8), 8, 0)
    assert sensor.receive(0x511, bytes(8), 8, 0)


def test_configuration_is_sent_a_step_a_tick_and_waits_for_room():
    port = Port()
    sensor = IvtS(port)
    port.full = True
    assert not sensor.configure()
    port.full = False
    steps = 0
    while not sensor.configure():
        steps += 1
        assert steps < 10
    assert [data[0] for _, data in port.sent] == [0x34, 0x20, 0x21, 0x22, 0x23, 0x34]
    assert port.sent[0][1][1] == 0
    assert port.sent[-1][1][1] == 1
