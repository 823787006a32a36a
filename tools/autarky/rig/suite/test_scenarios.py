"""Every scenario that comes along, with the checks that it promises."""

from __future__ import annotations

import contextlib

import pytest

from autarky.rig import needs
from autarky.rig.plugin import Told, skip_without, tell_controller
from autarky.rig.recording import Recording
from autarky.rig.session import Session
from autarky.scenario.plan import shipped
from autarky.scenario.run import find, run_scenario
from autarky.sil.site import SiteConfig, VirtualSite

# h of what lasts longer than a rig's run: `day` is `peak` for 24 h, `soak` goes on as it began
_HOURS = {"day": 0.1, "soak": 0.05}


@pytest.mark.parametrize("name", list(shipped()))
def test_scenario(rig: Session, measure: Told, name: str) -> None:
    plan = find(name)
    measure.say(title=plan.title)
    if plan.driver and rig.rig.depth != "virtual":
        pytest.skip(f"{name} breaks many cabinets at once, which only depth virtual has")
    skip_without(rig, needs.of_plan(plan))
    config = rig.config(cabinets=plan.cabinets)
    config.soc = SiteConfig.soc  # as `autarky run` has it: the same log, bit for bit
    with contextlib.ExitStack() as stack:

        def prepared(site: VirtualSite) -> None:
            stack.enter_context(rig.around(site))
            stack.enter_context(Recording(site, measure.folder))

        summary = run_scenario(plan, config, measure.folder, _HOURS.get(name), prepared=prepared)
    checks = [
        {"name": check.name, "status": check.status, "detail": check.detail}
        for check in summary.checks
    ]
    measure.say(checks=checks, log_sha256=summary.log_sha256)
    tell_controller(rig, measure)
    for fault in summary.faults:
        measure(fault.id, fault.latency_ms, "ms", high=fault.deadline_ms - fault.injected_ms)
    failed = [f"{one.name} ({one.detail})" for one in summary.checks if one.status == "FAIL"]
    assert summary.passed, f"{summary.verdict}: {'; '.join(failed)}"
