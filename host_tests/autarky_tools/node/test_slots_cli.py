"""Modules asked for from a terminal: on a site with its coordinator, and on one without."""

import json
import time
from collections.abc import Iterator

import pytest
from commands import Done, run_here
from patience import PATIENCE_S
from served_site import ServedSite

pytestmark = pytest.mark.slow
PATIENT = ("--set", "sdo_timeout_ms=60000")


def node(*arguments: str) -> Done:
    """`autarky node`."""
    return run_here("node", *arguments)


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    site = ServedSite("--realtime", "--cabinets", "2", *PATIENT)
    until(site.bus, "2", "state", "run")
    until(site.bus, "3", "state", "run")
    yield site.bus
    site.said(r"cabinet 3 asks for its modules: (granted: 1 of 2 left, \d+ kW)")
    site.stop()


def until(bus: str, cabinet: str, name: str, wanted: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while wanted not in node("read", cabinet, name, "--bus", bus).stdout:
        assert time.monotonic() < deadline, (name, wanted)


def rows(bus: str) -> dict[int, dict[str, object]]:
    return {row["node"]: row for row in json.loads(node("slots", "--bus", bus, "--json").stdout)}


def test_modules_are_asked_for_granted_and_come_back(bus: str) -> None:
    assert rows(bus)[3] == {
        "node": 3, "state": "run", "stage": "none", "lamp": "active", "missing": [],
    }  # fmt: skip
    done = node("request", "3", "--wait", str(PATIENCE_S), "--bus", bus)
    assert done.returncode == 0, done.stderr
    assert "modules may be drawn" in done.stdout
    until(bus, "3", "removal.lamp", "pull")
    assert rows(bus)[3]["state"] == "released"
    assert rows(bus)[2]["stage"] == "none"
    done = node("request", "3", "--back", "--bus", bus)
    assert "the request is taken back" in done.stdout
    until(bus, "3", "state", "run")
    shown = node("slots", "--bus", bus).stdout
    assert shown.count("none") == 4  # stage and missing modules of two cabinets


def test_a_grant_has_its_numbers_and_a_denial_its_exit_code(bus: str) -> None:
    done = node("grant", "3", "--critical-kw", "20", "--hours", "1", "--bus", bus)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("granted: 1 of 2 left, ")
    done = node("grant", "3", "--critical-kw", "500", "--hours", "1", "--bus", bus, "--json")
    assert done.returncode == 1
    (answer,) = json.loads(done.stdout)
    assert (answer["granted"], answer["left"], answer["of"]) == (False, 1, 2)
    assert answer["missing_w"] > 300_000
    (free,) = json.loads(node("grant", "3", "--bus", bus, "--json").stdout)
    assert free["reserve_h"] is None
    done = node("grant", "9", "--bus", bus)
    assert done.returncode == 1
    assert "no cabinet has the node id 9: there are 2, 3" in done.stderr


def test_without_a_coordinator_the_request_waits_and_says_so() -> None:
    site = ServedSite("--no-coordinator", "--realtime", "--cabinets", "1", *PATIENT)
    try:
        until(site.bus, "2", "state", "standby")
        done = node("request", "2", "--wait", "1", "--bus", site.bus)
        assert done.returncode == 1
        assert "is not released after 1 s (it is in standby)" in done.stderr
        assert rows(site.bus)[2]["stage"] == "asked"
        assert node("request", "2", "--back", "--bus", site.bus).returncode == 0
        assert rows(site.bus)[2]["stage"] == "none"
    finally:
        site.stop()
