"""Actions are data: each has a row, a way to be done on a virtual site, and a range it keeps."""

import re

import pytest

from autarky.errors import AutarkyError
from autarky.scenario import actions, inside, virtual
from autarky.scenario.actions import ACTIONS, Action, Argument, named, read, steps_of
from autarky.scenario.fault_cases import FAULT_CASES
from autarky.sil.site import SiteConfig, VirtualSite
from bess.drivers.cooling import CHILLER


def lowest(action: Action) -> list[object]:
    return [a.words[0] if a.words else a.low for a in action.arguments]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    state = tmp_path_factory.mktemp("state")
    config = SiteConfig(
        cabinets=1, interpreter="inline", state=state, parameters={"cooling_set": CHILLER}
    )
    with VirtualSite(config) as made:
        made.run_for(0.5)
        yield made


def test_each_action_has_a_way_to_be_done_on_a_virtual_site() -> None:
    assert set(virtual.DO) == set(ACTIONS)
    assert set(inside.HANDS) == set(actions.HANDS)


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - {"inside"}))
def test_each_action_is_done_with_its_first_values_and_said(name: str, site) -> None:
    step = ACTIONS[name].step(2, lowest(ACTIONS[name]))
    assert virtual.apply(site, step) == str(step)
    assert "{" not in str(step)
    site.run_for(0.03)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_every_word_of_an_action_is_understood(action: Action, site) -> None:
    if action.inside or action.name == "fault":
        return
    for at, argument in enumerate(action.arguments):
        for word in argument.words:
            values = lowest(action)
            values[at] = word
            virtual.apply(site, action.step(2, values))


def test_a_step_is_what_its_usage_line_says() -> None:
    for action in ACTIONS.values():
        cabinet = [] if action.of_site else ["2"]
        words = [action.name, *cabinet, *map(str, lowest(action))]
        assert read(" ".join(words)).action is action
        assert len(action.usage.split()) == len(words)
    with pytest.raises(AutarkyError, match="there is no action '': choose from pull, plug"):
        read("")


def test_every_fault_that_a_running_cabinet_can_have_can_be_asked_for_by_name() -> None:
    names = set(ACTIONS["fault"].arguments[0].words)
    assert names == {c.fault for c in FAULT_CASES if not c.inside and not c.parameters}
    for name in names:
        assert read(f"fault 2 {name}").values == (name,)


def test_every_fault_case_speaks_the_language_of_the_actions() -> None:
    for case in FAULT_CASES:
        steps = steps_of(case.done, 2)
        assert any(step.action.inside for step in steps) == case.inside


def test_a_cabinet_without_a_smart_chiller_says_so() -> None:
    with (
        VirtualSite(SiteConfig(cabinets=1, interpreter="inline")) as plain,
        pytest.raises(AutarkyError, match="this cabinet has no smart chiller"),
    ):
        virtual.apply(plain, read("chiller 2 silent on"))


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("pull", (), "pull has 0 values: it takes MODULE"),
        ("pull", (33,), "module is 33: give a whole number 1..32"),
        ("cell", (1, "high"), "voltage is high: give 0..6 V"),
        ("line", ("hvil", True), "state is 'True': it is one of on, off"),
        ("key", (1,), "key has 1 values: it takes none"),
    ],
)
def test_what_an_action_does_not_take_is_said_with_what_it_takes(name, given, sentence) -> None:
    with pytest.raises(AutarkyError, match=re.escape(sentence)):
        named(name).step(2, given)


def test_a_site_without_that_cabinet_refuses_before_anything_is_done(site) -> None:
    with pytest.raises(AutarkyError, match=r"this site has no cabinet 9: give 2\.\.2"):
        virtual.apply(site, read("pull 9 1"))


def test_no_hand_reaches_into_a_process(site, monkeypatch) -> None:
    monkeypatch.setattr(site.cabinets[0], "firmware", None)
    with pytest.raises(AutarkyError, match="only the interpreter inline lets a hand inside"):
        virtual.apply(site, read("inside 2 heap-used"))


def test_arguments_show_their_unit_or_their_words() -> None:
    assert str(Argument("voltage", "V", 0, 6)) == "VOLTAGE[V]"
    assert str(Argument("state", words=("on", "off"))) == "on|off"
    assert str(Argument("line", words=actions.LINES)) == "LINE"
