"""Shared fixtures: a virtual site with the firmware inside this process."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import one_thread  # noqa: F401
import pytest
from hypothesis import HealthCheck, settings
from kit.copies import in_a_copy

from autarky.build import keys
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


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signing key: its 1024 leaves take a second of hashing."""
    path = tmp_path_factory.mktemp("key") / "key.json"
    keys.create(path)
    return path


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another one, which no cabinet knows."""
    path = tmp_path_factory.mktemp("other-key") / "key.json"
    keys.create(path)
    return path


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


@pytest.fixture(scope="session")
def running_site() -> Iterator[VirtualSite]:
    """One cabinet, booted and in state run; a test that asks for it runs in a copy of its own."""
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as site:
        site.run_for(4.0)
        assert site.coordinator.views[2].state_name == "run"
        yield site


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no collection of garbage walks through it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A fork costs a tenth of a boot, and leaves the site to the next test as it was."""
    if "running_site" not in pyfuncitem.fixturenames:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    given = {name: pyfuncitem.funcargs[name] for name in names}
    in_a_copy(lambda: pyfuncitem.obj(**given) and None)
    return True
