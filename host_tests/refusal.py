"""Commands that must not begin, in this process."""

from pathlib import Path

from typer.testing import CliRunner

from autarky.cli import app


def refused(*arguments: str | Path) -> str:
    """The sentence that a command ends with, exit code 1."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    return done.output
