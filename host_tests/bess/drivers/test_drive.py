"""A drive's pulse width."""

from bess.drivers.drive import Drive


class Pwm:
    def __init__(self):
        self.duties = []

    def duty_u16(self, value):
        self.duties.append(value)


def test_permille_are_shares_of_the_whole_pulse():
    pwm = Pwm()
    drive = Drive(pwm)
    assert pwm.duties == []  # 0 already, as it was handed over
    for permille in (0, 1, 250, 999, 1000):
        drive.duty(permille)
    assert pwm.duties == [0, 65, 16383, 65469, 65535]
