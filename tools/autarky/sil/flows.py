"""What flows on a site: its load, and the rule that its batteries follow."""

from __future__ import annotations

from pathlib import Path

from autarky.config import trace
from autarky.coordinator.law.peak import PeakShaving, mean_of_known, wanted_power_w
from autarky.plant.ac_bus import AcBus, ClusterLoad, Load, TraceLoad
from autarky.sil.site import VirtualSite
from autarky.sil.site_config import SiteConfig

_RATED_W = 250_000.0  # of a cluster, for each cabinet: twice what the cabinet gives
_PEAK, _RECHARGE = 0.55, 0.42  # of the load's rating


class Flows:
    """As the site's description has them; else a GPU cluster, and powers that suit it.

    Raises TraceFileError.
    """

    def __init__(self, config: SiteConfig) -> None:
        load, rated_w = _load(config)
        self.ac_bus = AcBus(load)
        self.rule = PeakShaving(_PEAK * rated_w, _RECHARGE * rated_w)
        if config.peak is not None:
            peak_w, recharge_w = 1000 * config.peak.peak_kw, 1000 * config.peak.recharge_kw
            self.rule = PeakShaving(peak_w, recharge_w, config.peak.soc_target)

    def tick(self, site: VirtualSite) -> None:
        """Before every TICK: the load of now, and what the coordinator is to make of it."""
        load_w = self.ac_bus.step(site.now_ms)
        soc = mean_of_known(view.soc for view in site.coordinator.views.values())
        site.coordinator.target_w = wanted_power_w(self.rule, load_w, soc)


def _load(config: SiteConfig) -> tuple[Load, float]:
    """(load, the most that it takes in W)."""
    described = config.load
    if described is not None and described.trace is not None:
        measured = trace.read(Path(described.trace))
        return TraceLoad(measured.times_s, measured.powers_w), max(measured.powers_w)
    rated_w = _RATED_W * config.cabinets
    if described is not None and described.rated_kw is not None:
        rated_w = 1000 * described.rated_kw
    return ClusterLoad(rated_w, config.seed), rated_w
