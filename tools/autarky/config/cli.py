"""`autarky site-check`: what a site.toml was understood as."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autarky.errors import clear_errors


def site_check(
    path: Annotated[Path, typer.Argument(metavar="SITE.TOML", help="The site's description.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what a site.toml was understood as, or all that is wrong in it, line by line.

    Examples:

      autarky site-check tools/autarky/config/example.toml

      autarky site-check site.toml --json
    """
    with clear_errors():
        from autarky.config import shown
        from autarky.config.reading import read_with_lines

        described, lines = read_with_lines(path)
        if as_json:
            typer.echo(shown.as_json(path, described), nl=False)
            return
        from rich.console import Console

        Console().print(shown.as_table(path, described, lines))
