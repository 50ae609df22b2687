"""Write pages from the specs, schemas and commands, so that they cannot drift.

``python docs/generate.py`` writes docs/reference and the table of systems; ``--check`` only names
the pages that are not what would be written, and ends with exit code 1 where there are any. Pages
may be named: the table of systems takes half a minute, the others a second.
Nothing here imports torch: the costs of systems are counted in a process of their own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pages import assemblies, commands, errors, hooks, library, parts, recipe, registry, systems

FOLDER = Path(__file__).parent
PAGES: dict[str, Callable[[], str]] = {
    "reference/parts.md": parts.write,
    "reference/recipe.md": recipe.write,
    "reference/commands.md": commands.write,
    "reference/hooks.md": hooks.write,
    "reference/errors.md": errors.write,
    "reference/assemblies.md": assemblies.write,
    "reference/registry.md": registry.write,
    "reference/python.md": library.write,
    "explanation/systems.md": systems.write,
}
"""What makes each page."""


def main() -> int:
    """Write or check the pages; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing, name stale pages")
    parser.add_argument("pages", nargs="*", help="such as reference/parts.md; without any: all")
    given = parser.parse_args()
    check, names = given.check, given.pages or [*PAGES]
    if unknown := set(names) - set(PAGES):
        parser.error(f"no pages are called {', '.join(unknown)}; there are: {', '.join(PAGES)}")
    stale = {name: text for name in names if (text := PAGES[name]()) != _present(name)}
    for name, text in stale.items():
        if check:
            print(f"stale: docs/{name}; run python docs/generate.py", file=sys.stderr)
        else:
            (FOLDER / name).parent.mkdir(exist_ok=True)
            (FOLDER / name).write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")
    return int(check and bool(stale))


def _present(name: str) -> str | None:
    file = FOLDER / name
    return file.read_text(encoding="utf-8") if file.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
