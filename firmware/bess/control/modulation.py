"""How hard the cooling works: PI on the cells' temperature with feed-forward of their own heat."""

from bess.port.interpreter import const

_FULL = const(1000)
_LEAST = const(300)  # permille; a compressor turns no slower
_MICRO = const(1000)


class Modulation:
    """`step` once a second while it cools, `rest` while it does not; `permille` of all it can."""

    def __init__(self, parameters):
        self._gain_permille_k = parameters.get("cool_gain_permille_k")
        self._integral_s = parameters.get("cool_integral_s")
        self._chiller_w = parameters.get("chiller_w")
        self.permille = _LEAST
        self._sum = 0  # integral, micro-units: permille * 1000

    def rest(self):
        """The next time begins from the feed-forward alone."""
        self._sum = 0
        self.permille = _LEAST

    def step(self, error_dc, heat_w, most):
        """error_dc: how far above the wanted temperature; heat_w: what the cells make;
        most: permille that the dew point leaves. The integral stands where either end is reached.
        """
        proportional = self._gain_permille_k * error_dc // 10
        forward = min(max(heat_w, 0), self._chiller_w) * _FULL // self._chiller_w
        wanted = forward + proportional + self._sum // _MICRO
        permille = min(max(wanted, _LEAST), max(most, _LEAST))
        saturated_up = wanted > permille and error_dc > 0
        saturated_down = wanted < permille and error_dc < 0
        if not saturated_up and not saturated_down:
            self._sum += proportional * _MICRO // self._integral_s
        self.permille = permille
        return permille
