"""What flows on a site: its load, and the rule that its batteries follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autarky.config import trace
from autarky.coordinator.law.peak import PeakShaving, mean_of_known, wanted_power_w
from autarky.plant.ac_bus import AcBus, ClusterLoad, Load, TraceLoad
from autarky.sil.site import VirtualSite
from autarky.sil.site_config import SiteConfig

# by name: the load of (most W, seed)
MODELS: dict[str, Callable[[float, int], Load]] = {
    "constant": lambda most_w, seed: TraceLoad([0.0], [most_w]),
    "gpu-cluster": ClusterLoad,
}
CLUSTER = ("gpu-cluster", 250.0)  # twice what a cabinet gives
SHARES = (0.55, 0.42)


class Flows:
    """As the site's description has them, else as they are planned.

    load: (model, kW for each cabinet), None: there is none. shares of the load's rating above which
    to discharge, below which to recharge, None: no rule, whatever the description says. Raises
    TraceFileError.
    """

    def __init__(
        self,
        config: SiteConfig,
        load: tuple[str, float] | None = CLUSTER,
        shares: tuple[float, float] | None = SHARES,
    ) -> None:
        made, rated_w = _load(config, load)
        self.ac_bus = AcBus(made)
        self.rule: PeakShaving | None = None
        if shares is not None and config.peak is not None:
            peak_w, recharge_w = 1000 * config.peak.peak_kw, 1000 * config.peak.recharge_kw
            self.rule = PeakShaving(peak_w, recharge_w, config.peak.soc_target)
        elif shares is not None:
            self.rule = PeakShaving(*(share * rated_w for share in shares))

    def tick(self, site: VirtualSite) -> None:
        """Before every TICK: the load of now, and what the coordinator is to make of it."""
        load_w = self.ac_bus.step(site.now_ms)
        if self.rule is not None:
            soc = mean_of_known(view.soc for view in site.coordinator.views.values())
            site.coordinator.target_w = wanted_power_w(self.rule, load_w, soc)


def _load(config: SiteConfig, planned: tuple[str, float] | None) -> tuple[Load, float]:
    """(load, the most that it takes in W)."""
    described = config.load
    if described is not None and described.trace is not None:
        measured = trace.read(Path(described.trace))
        return TraceLoad(measured.times_s, measured.powers_w), max(measured.powers_w)
    model, kw = planned or ("constant", 0.0)
    if described is not None and described.model is not None:
        model, kw = described.model, CLUSTER[1]
    rated_w = 1000 * kw * config.cabinets
    if described is not None and described.rated_kw is not None:
        rated_w = 1000 * described.rated_kw
    return MODELS[model](rated_w, config.seed), rated_w
