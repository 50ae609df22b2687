"""From names and a template to the text of every file of the package."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from mfclip.hookspecs import VERSION
from mfclip.scaffold.kinds import Template
from mfclip.scaffold.names import Names

if TYPE_CHECKING:
    from jinja2 import Environment

COMMON: dict[str, str] = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    "CHANGELOG.md": "CHANGELOG.md.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/ci.yml": "ci.yml.j2",
    "src/{package}/__init__.py": "init.py.j2",
    "src/{package}/plugin.py": "plugin.py.j2",
    "src/{package}/py.typed": "py.typed.j2",
    "tests/test_contract.py": "test_contract.py.j2",
    "tests/test_plugin.py": "test_plugin.py.j2",
}
"""File of the package and the template in ``common`` that it is made from, for every kind."""
OWN: dict[str, str] = {
    "src/{package}/parts.py": "parts.py.j2",
    "src/{package}/{module}.py": "module.py.j2",
    "tests/test_{module}.py": "test_module.py.j2",
}
"""The same for the templates in the kind's own folder."""


def render(names: Names, template: Template) -> dict[str, bytes]:
    """Content of each file by its path in the package's folder, POSIX, in writing order."""
    sources = {path: f"common/{source}" for path, source in COMMON.items()}
    sources |= {path: f"{template.kind}/{source}" for path, source in OWN.items()}
    if template.recipe:
        sources["recipe.toml"] = f"{template.kind}/recipe.toml.j2"
    environment, words = _environment(), context(names, template)
    rendered = {
        path.format_map(words): environment.get_template(source).render(words).encode()
        for path, source in sources.items()
    }
    folder = files("mfclip.scaffold") / "templates" / template.kind
    copied = {f"tests/{path}": (folder / path).read_bytes() for path in template.assets}
    return rendered | copied


def render_fragment(names: Names, template: Template) -> str:
    """The tables that put the part into a recipe; empty where recipes have no place for it."""
    if not template.recipe:
        return ""
    source = _environment().get_template(f"{template.kind}/fragment.toml.j2")
    return source.render(context(names, template))


def context(names: Names, template: Template) -> dict[str, str]:
    """What a template can name."""
    from mfclip.version import __version__

    major, minor = __version__.split(".")[:2]
    return {
        "distribution": names.distribution,
        "package": names.package,
        "part": part_name(names, template),
        "schema": names.prefix.capitalize() + template.word.capitalize(),
        "kind": template.kind,
        "summary": template.summary,
        "module": template.module,
        "hook": template.hook,
        "base": template.base,
        "hooks": str(VERSION),
        "requirement": f"mfclip>={major}.{minor},<{int(major) + 1}",
    }


def part_name(names: Names, template: Template) -> str:
    """What a recipe writes after ``use``."""
    return f"{names.prefix}-{template.word}"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mfclip.scaffold", "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
