"""A speed as pulse width: the control input of a compressor's inverter or of EC fans."""

from bess.port.interpreter import const

_FULL = const(65535)


class Drive:
    """pwm: of the shape of machine.PWM, its duty 0 when it is handed over."""

    def __init__(self, pwm):
        self._duty_u16 = pwm.duty_u16

    def duty(self, permille):
        """Share of full speed, 0..1000; allocates nothing."""
        self._duty_u16(permille * _FULL // 1000)
