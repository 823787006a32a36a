#!/usr/bin/env bash
# pytest 9.2.0 and junitparser 5.0.3: a bench that does not switch off, and nobody is told. If the last test is
# marked xfail, the error of a session's teardown counts as expected: exit status 0 (pytest issue 8375, open
# since 2021). If it was skipped, pytest ends with 1 and reports one test case with <skipped> and <error>;
# "junitparser verify" of that report ends with 0: a case with both is skipped to it. The JUnit schema has a
# case be one of the two. xfail(raises=AssertionError) keeps the first from happening; the suite's own count
# of errors tells of the second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0 junitparser==5.0.3
cd "$folder"
cat > test_bench.py <<'PY'
import pytest


@pytest.fixture(scope="session", autouse=True)
def bench():
    yield
    raise RuntimeError("the supply is still on")


def test_passes():
    pass


@pytest.mark.xfail
def test_xfail():
    assert False


@pytest.mark.xfail(raises=AssertionError)
def test_raises():
    assert False


def test_skipped():
    pytest.skip("only one cabinet here")
PY
seen=""
for last in passes xfail raises skipped; do
    pytest=0 verify=0
    venv/bin/python -m pytest -q "test_bench.py::test_$last" --junitxml=report.xml > output || pytest=$?
    venv/bin/junitparser verify report.xml || verify=$?
    echo "last test $last: $(tail -n 1 output); pytest exits with $pytest, junitparser verify with $verify"
    seen+="$last $pytest $verify, "
done
test "$seen" = "passes 1 1, xfail 0 0, raises 1 0, skipped 1 0, "
venv/bin/python - <<'PY'
from junitparser import JUnitXml

(suite,) = JUnitXml.fromfile("report.xml")
(case,) = suite
print("report:", suite.tests, "test,", suite.errors, "error; case:", [type(result).__name__ for result in case.result])
assert suite.errors == 1 and case.is_error and case.is_skipped
PY
