"""JUnit XML of a run, for what a build server reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as xml

from autarky.rig.results import Outcome, Result, Run

FILE = "junit.xml"
# what XML 1.0 has no place for, as a console or a broken frame may bring it
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CHILD: dict[Outcome, str] = {"failed": "failure", "error": "error", "skipped": "skipped"}


def junit_xml(run: Run) -> str:
    """One test case a result: its row and each measured value are properties of the case."""
    root = xml.Element("testsuites")
    suite = xml.SubElement(
        root, "testsuite", name=_text(f"{run.rig} {run.depth}"), timestamp=_text(run.started),
        tests=str(len(run.results)), failures=str(run.count("failed")),
        errors=str(run.count("error")), skipped=str(run.count("skipped")),
        time=f"{run.seconds:.3f}",
    )  # fmt: skip
    of_run = {"rig": run.rig, "depth": run.depth, "seed": str(run.seed), **run.provenance}
    _properties(suite, of_run.items())
    for result in run.results:
        _case(suite, run, result)
    xml.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root, encoding="unicode")


def _case(suite: xml.Element, run: Run, result: Result) -> None:
    case = xml.SubElement(
        suite, "testcase", name=_text(result.test), classname=_text(f"{run.rig}.{run.depth}"),
        time=f"{result.seconds:.3f}",
    )  # fmt: skip
    found = [("title", result.title), ("row", result.row), ("log_sha256", result.log_sha256)]
    found += [(one.name, str(one)) for one in result.measured]
    _properties(case, [(name, value) for name, value in found if value])
    if result.outcome in _CHILD:
        why = result.why or result.outcome
        child = xml.SubElement(case, _CHILD[result.outcome], message=_text(why.splitlines()[0]))
        child.text = _text(why)
    lines = [*(f"{c['status']}: {c['name']} {c['detail']}" for c in result.checks)]
    lines += result.happened
    if lines:
        xml.SubElement(case, "system-out").text = _text("\n".join(lines))


def _properties(parent: xml.Element, named: Iterable[tuple[str, str]]) -> None:
    properties = xml.Element("properties")
    for name, value in named:
        xml.SubElement(properties, "property", name=_text(name), value=_text(value))
    if len(properties):
        parent.append(properties)


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
