"""Commands of `autarky` in this process: to start an interpreter costs more than most of them."""

from dataclasses import dataclass

from typer.testing import CliRunner

from autarky.cli import app


@dataclass(frozen=True)
class Done:
    """What a command printed and ended with, as subprocess tells it."""

    returncode: int
    stdout: str
    stderr: str


def run_here(*arguments: object) -> Done:
    """Run it. What it does not turn into a sentence is raised."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)
