"""The driver of the current sensor with a port of the test's own."""

from bess.drivers.ivt_s import IvtS


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


def answers(changed=None):
    """What a sensor says to each step; changed: (step, byte, value) that it took otherwise."""
    frames = [
        bytearray(b"\xb4\x00\x01\x00\x00\x00\x00\x00"),
        bytearray(b"\xa0\x02\x00\x0a\x00\x00\x00\x00"),
        bytearray(b"\xa1\x02\x00\x32\x00\x00\x00\x00"),
        bytearray(b"\xa2\x02\x00\x32\x00\x00\x00\x00"),
        bytearray(b"\xa3\x02\x00\x32\x00\x00\x00\x00"),
        bytearray(b"\xb4\x01\x01\x00\x00\x00\x00\x00"),
    ]
    if changed:
        step, at, value = changed
        frames[step][at] = value
    return frames


def run(sensor, start_ms, periods_ms, port, lost=lambda channel, n: False):
    """A second of results with these periods, verified at its end."""
    for now_ms in range(start_ms, start_ms + 1000, 10):
        sensor.configure(now_ms)
        for channel, period_ms in enumerate(periods_ms):
            if period_ms and now_ms % period_ms < 10:
                n = now_ms // period_ms
                if not lost(channel, n):
                    sensor.receive(0x521 + channel, frame(channel, 5, n & 15), 6, now_ms)
    sensor.verify()


def settled():
    """A sensor that was set up and whose answers all came."""
    port = Port()
    sensor = IvtS(port)
    for now_ms in range(0, 60, 10):
        sensor.configure(now_ms)
        sensor.receive(0x511, answers()[now_ms // 10], 8, now_ms)
    sensor.verify()
    run(sensor, 0, (10, 50, 50, 50), port)
    port.sent.clear()
    return sensor, port
