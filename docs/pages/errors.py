"""The page of errors and exit codes."""

from __future__ import annotations

from dataclasses import dataclass

from mfclip import errors
from mfclip.cli.app import DEBUG_OPTION, DEBUG_VARIABLE
from mfclip.cli.interrupts import HUNG_UP, INTERRUPTED, TERMINATED
from mfclip.errors import MfclipError
from pages.markdown import first_line, page, prose, table
from pages.source import CORE, ClassSource, classes, parse

_OTHER = {
    0: "The command did what it was asked.",
    1: "Something outside the program failed, such as a full disk (an `OSError`); or, with a "
    "traceback, a mistake in the program or in a plugin.",
    2: "The command line itself could not be read: an unknown option, a missing value.",
    HUNG_UP: "The terminal was closed (SIGHUP).",
    INTERRUPTED: "Ctrl-C (SIGINT). Nothing is lost: what can be gone on with says so.",
    TERMINATED: "Ended from outside (SIGTERM), as Ctrl-C ends it.",
}


@dataclass(frozen=True, slots=True)
class _Found:
    source: ClassSource
    module: str
    code: int


def write() -> str:
    """The page."""
    return page(
        "# Errors and exit codes",
        "A command that fails on purpose prints one message, which says what is wrong, what was "
        "received, what is allowed and what to do, and ends with the code of its error. "
        f"`{DEBUG_OPTION}`, or `{DEBUG_VARIABLE}` in the environment, shows the traceback. In "
        "Python, `except mfclip.errors.MfclipError` catches the whole family.",
        "## Exit codes",
        table(("Code", "Error", "Meaning"), _codes()),
        "## Classes",
        *(block for found in _family() for block in _class(found)),
    )


def _codes() -> list[tuple[str, str, str]]:
    rows = [(code, "", meaning) for code, meaning in _OTHER.items()]
    rows += [(f.code, f"`{f.source.name}`", first_line(f.source.doc)) for f in _family()]
    return [(f"`{code}`", name, meaning) for code, name, meaning in sorted(rows)]


def _class(found: _Found) -> list[str]:
    source = found.source
    bases = ", ".join(f"`{base}`" for base in source.bases)
    facts = f"`{found.module}.{source.name}`, a kind of {bases}; exit code `{found.code}`."
    return [f"### {source.name}", prose(source.doc), facts, source.listed()]


def _family() -> list[_Found]:
    """Every error class of the core, root first, found in the source and not by importing it."""
    codes = {n: c.exit_code for n, c in vars(errors).items() if _is_error(c)}
    family = [_Found(one, "mfclip.errors", codes[one.name]) for one in classes(parse("errors.py"))]
    for file in sorted(CORE.rglob("*.py")):
        path = file.relative_to(CORE)
        module = ".".join(["mfclip", *path.with_suffix("").parts])
        if module != "mfclip.errors":
            family += [
                _Found(one, module, codes[base])
                for one in classes(parse(str(path)))
                for base in one.bases
                if base in codes
            ]
    return family


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, MfclipError)
