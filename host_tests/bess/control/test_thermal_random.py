"""A hundred thousand random seconds: no command breaks a minimum time, heats without flow or blind.

The watcher sees only what is switched and what the contacts say, and knows no mode.
"""

import random

from rigs.thermal import Rig

from bess.protect import hazards as h

STEPS = 100_000
LEAST_S = {"heater": 60, "chiller": 180}


class Weather:
    """What may happen to a cabinet, each for a random while."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.left = {}
        self.now = {}

    def pick(self, name, longest_s, choices):
        left = self.left.get(name, 0)
        if left <= 0:
            left = self.dice.randrange(1, longest_s)
            self.now[name] = self.dice.choice(choices)
        self.left[name] = left - 1
        return self.now[name]


def watched(seed, steps):
    """Runs, and returns how often each part was switched on."""
    rig, weather = Rig(), Weather(seed)
    changed = dict.fromkeys(LEAST_S, -1000)
    was = dict.fromkeys(rig.outputs, False)
    starts = dict.fromkeys(rig.outputs, 0)
    flowed_s = 0
    for second in range(steps):
        mean = weather.pick("mean", 400, (-300, -60, 30, 90, 150, 220, 290, 305, 340, 480))
        high = mean + weather.pick("high", 400, (0, 0, 20, 60, 250))
        low = mean - weather.pick("low", 400, (0, 0, 20, 60))
        rig.cells.set(mean, low=low, high=high, spread=high - low)
        rig.air.dew_dc = weather.pick("dew", 600, (-32768, 0, 100, 200, 260, 330))
        rig.air.ambient_dc = rig.air.outside_dc = weather.pick(
            "air", 600, (-32768, -300, 0, 200, 300, 450)
        )
        rig.air.water_dc = weather.pick("water", 300, (None, None, None, -32768, 0, 250, 600))
        rig.flow_works = weather.pick("flow", 700, (True, True, True, False))
        rig.flow_stuck = weather.pick("stuck", 900, (False, False, False, False, True))
        rig.heating.level = weather.pick("current", 300, (0, 0, 0, 1))
        trusted = weather.pick("trusted", 500, (True, True, True, False))
        stops = weather.pick("stops", 800, (0, 0, 0, h.HEATER, h.CHILLER, h.HEATER | h.PUMP))
        if not weather.dice.randrange(200):
            purpose, later = weather.dice.randrange(4), weather.dice.choice((0, 60, 3600, 86400))
            rig.control.preheat.announce(purpose, later, weather.dice.random() < 0.3)
        rig.control.obey(rig.now_ms, stops)
        rig.run(1, trusted, weather.pick("amperes", 300, (0, 140_000, -140_000)), 1500)
        now = {name: rig.on(name) for name in rig.outputs}
        flows = rig.flow.level == 1 and was["pump"]
        flowed_s = flowed_s + 1 if flows else 0
        where = seed, second, rig.control.mode
        for name, least_s in LEAST_S.items():
            if now[name] == was[name]:
                continue
            still_s, changed[name] = second - changed[name], second
            if now[name]:
                starts[name] += 1
                # flow was read in ten seconds before, and stood
                assert flowed_s > 10, where
                assert name == "heater" or still_s >= least_s, where
            elif still_s < least_s:
                forced = stops & (h.HEATER if name == "heater" else h.CHILLER) or not flows
                blind = name == "heater" and (not trusted or mean > 280 or high >= 300)
                cut = name == "heater" and not now["heater_feed"]
                assert forced or blind or cut, where
        assert not (now["heater"] and now["chiller"]), where
        assert not now["heater"] or (now["heater_feed"] and flows and trusted), where
        assert not now["chiller"] or flows, where
        for name, bit in (("heater", h.HEATER), ("heater_feed", h.HEATER), ("chiller", h.CHILLER)):
            assert not (now[name] and stops & bit), where
        assert 0 <= rig.drive.level <= 1000, where
        was = now
    return starts


def test_nothing_that_is_switched_breaks_a_rule_in_1e5_random_seconds():
    total = dict.fromkeys(LEAST_S, 0)
    for seed in range(4):
        starts = watched(seed, STEPS // 4)
        for name in total:
            total[name] += starts[name]
    assert min(total.values()) > 30, total
