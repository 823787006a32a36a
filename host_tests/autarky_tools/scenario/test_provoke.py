"""A live site is provoked by name: what is done, what is refused, and that a script repeats."""

import json
import socket

import pytest
from typer.testing import CliRunner

from autarky.cli import app
from autarky.scenario.actions import ACTIONS, usage
from autarky.scenario.provoke import Agenda, Port, read_script
from autarky.sil.site import SiteConfig, VirtualSite

SCRIPT = [{"at_s": 4.0, "do": "cell 2 17 3.70"}, {"at_s": 5.5, "do": "cells-back 2"}]


def invoke(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["provoke", *words])
    return done.exit_code, done.output


class Live:
    """An inline site with a port, and somebody at it."""

    def __init__(self, site: VirtualSite) -> None:
        self.site = site
        self.port = Port(site, Agenda(site), "127.0.0.1", 0)
        self.link = socket.create_connection(("127.0.0.1", self.port.port))
        self.heard = b""

    def ask(self, request: object) -> list[dict]:
        self.link.sendall(json.dumps(request).encode() + b"\n")
        self.link.setblocking(False)
        while b'"end"' not in self.heard:
            self.site.step()
            try:
                self.heard += self.link.recv(65536)
            except BlockingIOError:
                continue
        answers = [json.loads(line) for line in self.heard.splitlines()]
        self.heard = b""
        self.link.setblocking(True)
        return answers[:-1]


@pytest.fixture
def live(inline_site):
    site = inline_site()
    site.run_for(4.0)
    made = Live(site)
    yield made
    made.link.close()
    made.port.close()


def test_what_is_asked_is_done_and_answered(live) -> None:
    plants = live.site.plants
    (answer,) = live.ask({"do": "pull 2 3"})
    assert answer["did"] == "module 3 of cabinet 2 pulled"
    assert plants.strings.module_out[0].tolist() == [False, False, True, False, False]
    live.ask({"do": "plug 2 3"})
    assert not plants.strings.module_out.any()
    live.ask({"do": "line 2 hvil on"})
    assert plants.hvil_open[0]
    live.ask({"do": "line 2 smoke on"})
    assert plants.input_forced[0] == {"smoke": False}
    live.ask({"do": "temperature 2 -12.5"})
    assert set(plants.sensor_c(0)) == {-12.5}
    live.ask({"do": "wire 2 4 5 open"})
    assert plants.chains[0].open_wires == {(3, 5)}
    live.ask({"do": "wire 2 4 5 whole"})
    assert not plants.chains[0].open_wires
    live.ask({"do": "power 2 -20"})
    assert live.site.coordinator.forced_w == {2: -20_000.0}


def test_a_turned_key_comes_back_by_itself(live) -> None:
    live.ask({"do": "key 2"})
    assert live.site.plants.reset_key[0]
    live.site.run_for(0.6)
    assert not live.site.plants.reset_key[0]


def test_who_leaves_harms_nothing_and_what_was_asked_goes_on(live) -> None:
    live.link.sendall(json.dumps({"script": [{"at_s": 0.5, "do": "line 2 estop on"}]}).encode())
    live.link.sendall(b"\n")
    live.site.step()
    live.site.step()
    live.link.close()
    live.site.run_for(1.0)
    assert live.site.plants.estop[0]
    live.link = socket.create_connection(("127.0.0.1", live.port.port))
    assert live.ask({"do": "line 2 estop off"})[0]["did"] == "estop of cabinet 2 off"


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"do": "pull 2 6"}, "there is no module 6, the last one is 5"),
        ({"do": "cell 2 241 3.3"}, "no cell 241, the last one is 240"),
        ({"do": "wire 2 16 1 open"}, "no front-end 16"),
        ({"do": "wire 2 1 17 open"}, "no pin 17, the last one is 16"),
        ({"do": "pull 2"}, "write pull CABINET"),
        ({"do": "pull 9 1"}, "this site has no cabinet 9: give 2..2"),
        ({"do": "pul 2 1"}, "there is no action 'pul': the nearest is pull"),
        ({"do": "cell 2 1 7"}, "give 0..6 V"), ({"do": "pull 2 1.5"}, "a whole number 1..32"),
        ({"do": "parameters-corrupt 2"}, "have no storage to spoil"),
        ({"do": "cell 2 1 nan"}, "give 0..6 V"),
        ({"do": "line 2 lamp on"}, "line is 'lamp': it is one of hvil, estop"),
        ({"do": "fault 2 x"}, "name is 'x': it is one of cell"),
        ({"script": {}}, "a script is a list"),
        ({"script": [{"do": "key 2"}]}, "step 1 of the script needs at_s and do"),
        ({"script": [{"at_s": -1, "do": "key 2"}]}, "give 0 or more"), ({}, "ask for"),
        ([], "ask for"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_a_sentence_and_changes_nothing(
    live, request_, sentence
) -> None:
    answers = live.ask(request_)
    assert [sentence in answer["error"] for answer in answers] == [True]
    live.site.run_for(0.2)
    assert live.site.coordinator.views[2].state_name == "run"
    assert live.ask({"do": "key 2"})


def test_a_script_and_a_seed_give_the_same_bits() -> None:
    def run(script: list[dict]) -> tuple[str, list[dict]]:
        told: list[dict] = []
        with VirtualSite(SiteConfig(cabinets=1, interpreter="inline", seed=3)) as site:
            Agenda(site).add(site, read_script(script), told.append)
            site.run_for(7.0)
            return site.log.sha256(), told

    first, told = run(SCRIPT)
    assert [answer.get("at_s") for answer in told] == [4.0, 5.5, None]
    assert run(SCRIPT) == (first, told)
    assert run(SCRIPT[1:])[0] != first


def test_the_command_lists_what_can_be_done_and_refuses_before_it_asks(tmp_path) -> None:
    code, text = invoke()
    assert code == 0
    assert text.splitlines() == usage()
    assert set(json.loads(invoke("--json")[1])) == set(ACTIONS)
    script = tmp_path / "steps.json"
    for content, sentence in (("{", "is no JSON"), ("{}", "a script is a list")):
        script.write_text(content)
        code, text = invoke("--script", str(script))
        assert (code, sentence in text) == (1, True)
    code, text = invoke("key", "2", "--script", str(script))
    assert (code, "give an action or --script, not both" in text) == (1, True)
    for words, sentence in (
        (("pull", "2"), "write pull"),
        (("key", "2", "--site", "127.0.0.1:1"), "no site takes provocations"),
    ):
        code, text = invoke(*words)
        assert (code, sentence in text) == (1, True), text
