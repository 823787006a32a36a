"""Who is handed what: the parts of a built cabinet, walked; and the walker tested.

What measures, estimates or protects holds nothing of a floor above its own: it could ask there
what it should judge. Imports are in test_floors; this is about objects.
"""

from array import array

import pytest
from architecture.test_floors import floor_of
from built import built

from bess.control.thermal import Thermal

WATCHED = ("drivers", "measure", "estimate", "protect")


def parts(root: object) -> list[object]:
    """Every object of the firmware that is reached from one, by attributes and what they hold."""
    found: dict[int, object] = {}
    waiting: list[object] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
        elif type(one).__module__.startswith("bess") and id(one) not in found:
            found[id(one)] = one
            waiting += vars(one).values()
    return list(found.values())


def held(value: object) -> list[object]:
    """The objects of the firmware in an attribute: itself, or in a collection."""
    if isinstance(value, list | tuple):
        return [one for item in value for one in held(item)]
    if isinstance(value, dict):
        return held(list(value.values()))
    return [value] if type(value).__module__.startswith("bess") else []


def breaches(root: object) -> list[str]:
    """Parts of the watched floors that hold a part of a floor above their own."""
    found = []
    for one in parts(root):
        module = type(one).__module__
        if module.split(".")[1] not in WATCHED:
            continue
        for name, value in vars(one).items():
            found += [
                f"{module}: {name} is handed {type(other).__module__}.{type(other).__name__}"
                for other in held(value)
                if floor_of(type(other).__module__) > floor_of(module)
            ]
    return sorted(found)


@pytest.fixture(scope="module")
def app():
    return built()


def test_who_measures_or_protects_is_handed_nothing_of_a_higher_floor(app) -> None:
    assert breaches(app) == []


def test_the_walk_reaches_every_watched_floor(app) -> None:
    reached = {type(one).__module__ for one in parts(app)}
    for name in (
        "drivers.ltc681x", "drivers.pcs_can", "drivers.cooling", "measure.cells",
        "measure.environment", "measure.string_meter", "measure.insulation", "measure.inputs",
        "estimate.estimator", "protect.plausibility", "protect.faults", "protect.limits",
        "control.contactors", "control.thermal", "control.pcs_control",
    ):  # fmt: skip
        assert f"bess.{name}" in reached


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [1, (x,)], lambda x: {"of": x}])
@pytest.mark.parametrize("taker", ["environment", "plausibility", "pcs_can"])
def test_a_planted_breach_is_caught(taker: str, wrap) -> None:
    app = built()
    getattr(app, taker)._planted = wrap(app.thermal)
    found = breaches(app)
    assert len(found) == 1
    assert found[0].endswith(f"_planted is handed {Thermal.__module__}.Thermal")


def test_lower_floors_and_plain_values_are_no_breach() -> None:
    app = built()
    app.thermal._planted = [app.environment, array("i", [1]), "text"]
    app.environment._planted = app.pcs_can
    assert breaches(app) == []
