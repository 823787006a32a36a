"""The `autarky` command."""

from __future__ import annotations

import signal
import sys

import typer

from autarky.bench.cli import bench
from autarky.config.cli import site_check
from autarky.errors import clear_errors
from autarky.flash import cli as flash_cli
from autarky.node.cli import app as node_app
from autarky.rig.cli import app as rig_app
from autarky.site_cli import provoke, run, site
from autarky.soc.cli import app as soc_app
from autarky.soc.cli import fit_command
from autarky.thermal.cli import app as thermal_app

app = typer.Typer(
    help="Autarky: virtual battery cabinets that run the real firmware.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(node_app, name="node")
app.add_typer(soc_app, name="soc")
app.add_typer(rig_app, name="rig")
app.add_typer(thermal_app, name="thermal")
app.command(name="fit")(fit_command)
for command in (
    flash_cli.flash, flash_cli.doctor, flash_cli.provision, flash_cli.sign, flash_cli.update,
    flash_cli.board, run, site, site_check, provoke, bench,
):  # fmt: skip
    app.command()(command)


@app.command()
def generate() -> None:
    """Write the DBC files and the fault list from the firmware's tables.

    Example:

      autarky generate
    """
    with clear_errors():
        from autarky import tables

        tables.check()  # before the import: half of the tools read the tables at theirs
        from autarky.generate.outputs import main as write

        write()


def _terminate(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point. Ctrl-C works even where a script started us with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except BrokenPipeError:
        sys.exit(141)


if __name__ == "__main__":
    main()
