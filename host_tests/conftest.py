"""Shared fixtures: a virtual site with the firmware inside this process."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from autarky.sil.site import SiteConfig, VirtualSite

settings.register_profile(
    "default",
    deadline=None,  # machines are noisy; speed is measured by make bench
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("soak", deadline=None, database=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def inline_site() -> Iterator[Callable[..., VirtualSite]]:
    """Factory of sites whose firmware runs inline; `app(site, i)` reaches into it."""
    sites: list[VirtualSite] = []

    def make(**options: object) -> VirtualSite:
        site = VirtualSite(SiteConfig(**{"cabinets": 1, "interpreter": "inline", **options}))
        site.__enter__()
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def running_site(inline_site: Callable[..., VirtualSite]) -> VirtualSite:
    """One cabinet, booted and in state run."""
    site = inline_site()
    site.run_for(4.0)
    assert site.coordinator.views[2].state_name == "run"
    return site
