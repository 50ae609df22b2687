"""The page of registry files."""

from __future__ import annotations

from mfclip.recipe.registry import (
    ASSEMBLY_TABLES,
    AssemblyHead,
    PartTable,
    PluginsTable,
    SystemsTable,
)
from pages.fields import field_table
from pages.markdown import code, link, page

_EXAMPLE = """
[plugins]
allowed = ["acme-encoder"]

[assemblies.house-style]
summary = "What we build on."
extends = "mfclip"

[assemblies.house-style.vision.noise]
filters = "srm30"
"""


def write() -> str:
    """The page."""
    return page(
        "# Registry files",
        "A TOML file of your own, given to a command with `--registry` or to `mfclip.load` as "
        "`registry=`. It is laid beside the catalogue that ships, and can add to it. It cannot "
        "change what ships: a name keeps its meaning.",
        code(_EXAMPLE, "toml"),
        "## [plugins]",
        "Whose plugins may be loaded. A plugin that is not let in is not imported at all. Names "
        "compare as package indexes compare them: `Acme_Encoder` is `acme-encoder`.",
        field_table(PluginsTable),
        "## [assemblies.NAME]",
        "A named start for recipes. Beside the keys below it holds tables of a recipe: "
        f"{', '.join(f'`{name}`' for name in ASSEMBLY_TABLES)}. "
        f"{link('How tables are laid over each other', 'recipe.md', 'How tables are laid over each other')}.",  # noqa: E501
        field_table(AssemblyHead),
        "## [systems.NAME]",
        "A set of assemblies that `mfclip bench --systems NAME` compares.",
        field_table(SystemsTable),
        "## [parts.KIND.NAME]",
        "A part in the catalogue: a description, which offers nothing by itself.",
        field_table(PartTable),
    )
