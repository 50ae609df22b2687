"""Entry points: assemble the command tree, and turn errors into text and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from mfclip.cli.bench import bench
from mfclip.cli.build import build
from mfclip.cli.bundle import bundle_tree
from mfclip.cli.catalogue import assemblies, parts, schema
from mfclip.cli.compare import compare
from mfclip.cli.data import data_tree
from mfclip.cli.doctor import doctor
from mfclip.cli.evaluate import evaluate
from mfclip.cli.explain import explain
from mfclip.cli.export import export
from mfclip.cli.interrupts import Stop
from mfclip.cli.new_plugin import new_plugin
from mfclip.cli.score import score
from mfclip.cli.serve import serve
from mfclip.cli.weights import weights_tree
from mfclip.errors import MfclipError
from mfclip.version import __version__

DEBUG_OPTION = "--debug"
"""Taken by every command, anywhere on its line: errors come with their traceback."""
DEBUG_VARIABLE = "MFCLIP_DEBUG"
"""Environment variable with the same effect, unless it is empty."""
_FORMATTED = warnings.formatwarning
PLAIN: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    # Help in colours would import half of rich, which takes longer than all the rest.
    "rich_markup_mode": None,
}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mfclip {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Build, use and inspect face-forgery detectors."""


def command_tree() -> typer.Typer:
    """``mfclip`` with its sub-commands, not run: documentation and tests look at it."""
    app = typer.Typer(no_args_is_help=True, **PLAIN)
    app.callback()(_root)
    for command in (
        score,
        evaluate,
        explain,
        serve,
        export,
        bench,
        compare,
        parts,
        assemblies,
        schema,
        doctor,
        new_plugin,
    ):
        app.command()(command)
    app.add_typer(data_tree(), name="data")
    app.add_typer(weights_tree(), name="weights")
    app.add_typer(bundle_tree(), name="bundle")
    return app


def build_tree() -> typer.Typer:
    """``mfclip-build``, not run."""
    app = typer.Typer(**PLAIN)
    app.command()(build)
    return app


def main(stop: Stop) -> None:
    """Run ``mfclip``."""
    _run(command_tree(), stop)


def build_main(stop: Stop) -> None:
    """Run ``mfclip-build``."""
    _run(build_tree(), stop)


def _run(app: Callable[[], object], stop: Stop) -> None:
    """Run the command; without ``--debug`` (or MFCLIP_DEBUG) an error is a message, not a trace."""
    debug = DEBUG_OPTION in sys.argv or bool(os.environ.get(DEBUG_VARIABLE))
    sys.argv = [word for word in sys.argv if word != DEBUG_OPTION]
    if not debug:
        warnings.formatwarning = _plain_warning
    try:
        app()
    except (MfclipError, OSError) as error:
        if debug or stop.raised:
            raise
        text = str(error) if isinstance(error, MfclipError) else _os_error_text(error)
        typer.echo(f"error: {text}", err=True)
        sys.exit(error.exit_code if isinstance(error, MfclipError) else 1)
    except (MemoryError, RuntimeError) as error:
        if debug or stop.raised or not _is_out_of_memory(error):
            raise
        typer.echo(f"error: {_memory_text(error)}", err=True)
        sys.exit(1)


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """PyTorch raises RuntimeErrors, told apart by their texts: on a CPU, and on a GPU."""
    signs = ("DefaultCPUAllocator", "out of memory")
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in signs)


def _memory_text(error: MemoryError | RuntimeError) -> str:
    return (
        f"out of memory: {' '.join(str(error).split()) or 'no details'}. Use smaller batches "
        "(training.batch_size, --batch-size), fewer workers or a smaller detector "
        f"(run again with {DEBUG_OPTION} for the traceback)"
    )


def _plain_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """What is remarked on the user's files, without the line of code that remarks it."""
    if category is UserWarning:
        return f"warning: {message}\n"
    return _FORMATTED(message, category, filename, lineno, line)


def _os_error_text(error: OSError) -> str:
    """A disk full, a folder that cannot be written: what happened, and where."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error} (run again with {DEBUG_OPTION} for the traceback)"
