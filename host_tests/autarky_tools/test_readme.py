"""Each command of the README's table is understood as it stands; cheap ones run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from autarky.cli import app
from autarky.paths import ROOT

TABLE = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| ")]
COMMANDS = [
    command
    for line in TABLE
    for command in re.findall(r"`([^`]+)`", line)
    if command.startswith(("make ", ".venv/bin/"))
]
CHEAP = [".venv/bin/autarky run --list", ".venv/bin/autarky node --help"]


def understood(arguments: list[str]) -> None:
    """Parse as the command line does, and run nothing."""
    command = typer.main.get_command(app)
    name, *rest = arguments
    if rest == ["--help"]:
        rest = []
    with command.make_context("autarky", [], resilient_parsing=True) as context:
        found = command.get_command(context, name)  # pyright: ignore
        assert found is not None, f"there is no autarky {name}"
        while rest and hasattr(found, "commands") and rest[0] in found.commands:
            found = found.commands[rest.pop(0)]
        if rest:
            found.make_context(name, rest).close()


def test_the_table_was_found() -> None:
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_readme_is_understood(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        done = subprocess.run(
            ["make", "-n", "-o", "setup", *words[1:]], cwd=ROOT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        options = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
        assert all(option in done.stdout for option in options)
        name = words[1]
        if name in ("run", "bench", "doctor"):
            understood([name, *shlex.split(options[0] if options else "")])
    elif words[0] == ".venv/bin/autarky":
        understood(words[1:])
    else:
        assert Path(sys.executable).with_name(Path(words[0]).name).exists()


@pytest.mark.parametrize("command", CHEAP)
def test_cheap_commands_of_the_readme_run(command: str) -> None:
    assert command in COMMANDS
    program = Path(sys.executable).with_name("autarky")
    done = subprocess.run([program, *shlex.split(command)[1:]], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout
