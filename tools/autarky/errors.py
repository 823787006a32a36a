"""Errors that a person can act on become one sentence and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

_KEY_BYTES = 32
_PACKAGES = {"yaml": "pyyaml"}  # what is imported under another name
_MANY = 100  # names that no sentence lists


class AutarkyError(RuntimeError):
    """Something a person can act on; the message is a sentence that says what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like it, as words; "" where none is."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"the nearest is {near[0]}" if near else ""


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """A sentence about a name that is unknown, with the nearest one if any is near."""
    names = list(known)
    listed = f"choose from {', '.join(names)}" if len(names) < _MANY else ""
    hint = nearest(name, names) or listed
    return f"there is no {kind} {name!r}" + (f": {hint}" if hint else "")


def missing_package(error: ModuleNotFoundError) -> str:
    """A sentence about a package of an extra that is not installed; "" where it is of none."""
    wanted = (error.name or "").partition(".")[0]
    wanted = _PACKAGES.get(wanted, wanted)
    for requirement in importlib.metadata.requires("autarky") or ():
        found = re.match(r"([\w.-]+).*; *extra == .(\w+).", requirement)
        if found is not None and found[1].replace("-", "_") == wanted:
            return (
                f"this needs the package {found[1]}, which comes with the extra {found[2]}: "
                f"`make setup EXTRAS={found[2]}`"
            )
    return ""


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """One sentence and exit code 1 for what is not a defect of ours; Ctrl-C is 130."""
    import can

    try:
        yield
    except BrokenPipeError:
        raise  # the reader of a pipe has left: nothing to say
    except (AutarkyError, can.CanError, OSError, ValueError) as error:
        typer.echo(f"autarky: {error}", err=True)
        raise typer.Exit(1) from None
    except ModuleNotFoundError as error:
        sentence = missing_package(error)
        if not sentence:
            raise  # a defect of ours
        typer.echo(f"autarky: {sentence}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("autarky: stopped; everything that was started has ended", err=True)
        raise typer.Exit(130) from None


def parse_address(bus: str) -> tuple[str, int]:
    """(host, port) of HOST:PORT. Raises AutarkyError."""
    host, _, port = bus.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise AutarkyError(f"--bus {bus}: write it as HOST:PORT, for example 127.0.0.1:4500")
    return host, int(port)


def parse_key(text: str) -> bytes:
    """A device key of 32 bytes from hex digits. Raises AutarkyError."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise AutarkyError(f"--key must be {2 * _KEY_BYTES} hex digits, {text!r} is not")
    return key


def parse_overrides(settings: Iterable[str] | None) -> dict[str, int]:
    """Values by name of `--set NAME=INTEGER`. Raises ValueError."""
    values = {}
    for setting in settings or []:
        name, _, value = setting.partition("=")
        try:
            values[name] = int(value, 0)
        except ValueError:
            raise ValueError(f"--set {setting}: write it as NAME=INTEGER") from None
    return values


def check_target(option: str, path: Path | None) -> None:
    """Refuse a file that could not be written, before hours of work; "-" is stdout.

    Raises AutarkyError.
    """
    if path is None or str(path) == "-":
        return
    there = path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        hint = "its folder does not exist" if not path.parent.is_dir() else error.strerror
        raise AutarkyError(f"{option} {path}: {hint}; name a file that can be written") from None
    if not there:
        path.unlink()


def write_target(path: Path | None, text: str) -> None:
    """Into a file, or to stdout for "-"; nothing where no path was given."""
    if str(path) == "-":
        typer.echo(text, nl=False)
    elif path is not None:
        path.write_text(text, encoding="utf-8")
