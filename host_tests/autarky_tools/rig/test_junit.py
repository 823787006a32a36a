"""JUnit XML as another package reads it."""

from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from autarky.rig.junit import junit_xml
from autarky.rig.results import Measured, Run


@pytest.fixture
def cases(run: Run, tmp_path: Path) -> dict[str, TestCase]:
    path = tmp_path / "junit.xml"
    path.write_text(junit_xml(run), encoding="utf-8")
    suite = next(iter(JUnitXml.fromfile(str(path))))
    assert suite.name == "bench hardware"
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        len(run.results), 1, 1, 1,
    )  # fmt: skip
    assert {p.name: p.value for p in suite.properties()} == {
        "rig": "bench", "depth": "hardware", "seed": "1", "revision": "9336435",
    }  # fmt: skip
    return {case.name: case for case in suite}


def properties(case: TestCase) -> dict[str, str]:
    return {p.get("name"): p.get("value") for p in case._elem.iter("property")}


def test_every_result_is_a_case_of_its_rig(run: Run, cases: dict[str, TestCase]) -> None:
    assert list(cases) == [result.test for result in run.results]
    assert {case.classname for case in cases.values()} == {"bench.hardware"}
    assert cases["fault[smoke]"].is_passed


def test_outcomes_come_with_their_reasons(cases: dict[str, TestCase]) -> None:
    (failure,) = cases["fault[cell_ov]"].result
    assert isinstance(failure, Failure)
    assert failure.message == "reaction after 1480 ms, 1130 ms <at most>"
    (error,) = cases["fault[estop]"].result
    assert isinstance(error, Error)
    assert "the supply is silent\ufffd[0m" in error.text  # XML has no place for an escape
    (skipped,) = cases["fault[gas]"].result
    assert isinstance(skipped, Skipped)
    assert skipped.message == "needs line gas: no relay has it"


def test_rows_and_measured_values_are_properties(cases: dict[str, TestCase]) -> None:
    told = properties(cases["fault[cell_ov]"])
    assert told["row"] == "cell_ov"
    assert told["reaction"] == "1480 ms (at most 1130)"
    peak = cases["scenario[peak]"]
    assert properties(peak)["log_sha256"] == "ab" * 32
    assert peak.system_out == "pass: power was shaved 1.6 kWh"


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (Measured("a", 3.5, "V"), "3.5 V"),
        (Measured("a", None, "V"), "not measured"),
        (Measured("a", 7.0, "", low=5.0, high=9.0), "7 (at least 5 and at most 9)"),
    ],
)
def test_a_value_is_said_with_its_limits(measured: Measured, text: str) -> None:
    assert str(measured) == text
