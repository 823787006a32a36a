"""Errors that a person can act on become one sentence and an exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer


class AutarkyError(RuntimeError):
    """Something a person can act on; the message is a sentence that says what to do."""


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """One sentence and exit code 1 for what is not a defect of ours; Ctrl-C is 130."""
    import can

    try:
        yield
    except (AutarkyError, can.CanError, OSError, ValueError) as error:
        typer.echo(f"autarky: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("autarky: stopped; everything that was started has ended", err=True)
        raise typer.Exit(130) from None
