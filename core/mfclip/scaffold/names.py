"""What a new plugin is called: its distribution, its package and the prefix of its parts."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.util import find_spec

from mfclip.errors import UsageError
from mfclip.plugins.discovery import GROUP, Plugins

EXAMPLE = "acme-encoder"
"""What messages show as a good name."""
LONGEST, LONGEST_PREFIX = 40, 24
"""Characters of a name and of its first word; beyond, lines of the generated code would break."""
_FORM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Names:
    """The spellings of one name."""

    distribution: str
    """``acme-encoder``: what users install, and the folder that is made."""

    @property
    def package(self) -> str:
        """``acme_encoder``: what Python imports, and the name of the entry point."""
        return self.distribution.replace("-", "_")

    @property
    def prefix(self) -> str:
        """``acme``: the first word, with which the names of the parts start."""
        return self.distribution.partition("-")[0]


def parse_name(text: str) -> Names:
    """The name in all its spellings.

    Raises
    ------
    UsageError
        Where it is no name of a distribution in its one normal form (lower-case words of ASCII
        letters and digits, joined by single dashes), a word of Python's own, or too long.
    """
    if not _FORM.fullmatch(text):
        raise UsageError(
            f"{text!r} is no name for a plugin: write lower-case words of letters and digits, "
            f"joined by single dashes, the first character a letter{_suggestion(text)}"
        )
    if keyword.iskeyword(text):
        raise UsageError(
            f"{text!r} is a word of Python's own, so no package of that name can be imported; "
            f"add a word: '{text}-encoder'"
        )
    names = Names(text)
    if len(text) > LONGEST or len(names.prefix) > LONGEST_PREFIX:
        raise UsageError(
            f"{text!r} is too long: a name has at most {LONGEST} characters (got {len(text)}), "
            f"its first word at most {LONGEST_PREFIX} (got {len(names.prefix)})"
        )
    return names


def check_free(names: Names, kind: str, part: str, plugins: Plugins) -> None:
    """Refuse a name that belongs to somebody.

    Raises
    ------
    UsageError
        Where the prefix is the framework's, a part of that kind and name is on offer, or a
        package of that name can be imported already.
    """
    prefix = names.prefix
    if prefix == GROUP:
        raise UsageError(_belongs(names, "names that start with 'mfclip' belong to the framework"))
    shipped = [o.name for o in plugins.offers if o.distribution == GROUP]
    clashing = sorted(n for n in shipped if n == prefix or n.startswith(f"{prefix}-"))
    if clashing:
        told = f"parts of the framework are called so: {', '.join(clashing)}"
        raise UsageError(_belongs(names, f"the prefix '{prefix}' is taken, {told}"))
    if taken := plugins.get(kind, part):
        owner = f"{taken.distribution} {taken.version}"
        raise UsageError(
            f"the {kind} name '{part}' belongs to plugin '{taken.plugin}' ({owner}) already; "
            "begin the name with another word, or uninstall that package"
        )
    _check_importable(names)


def _check_importable(names: Names) -> None:
    found = find_spec(names.package)
    if found is not None:
        raise UsageError(
            f"a package called '{names.package}' is installed already ({found.origin or 'here'}); "
            "take another name, or uninstall it first"
        )


def _belongs(names: Names, why: str) -> str:
    return (
        f"a plugin cannot be called '{names.distribution}': {why}; "
        f"begin with a word of your own, as in '{EXAMPLE}'"
    )


def _suggestion(text: str) -> str:
    """The nearest good name, or an example where there is none."""
    near = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if _FORM.fullmatch(near) and not keyword.iskeyword(near):
        return f"; did you mean '{near}'?"
    return f", as in '{EXAMPLE}'"
