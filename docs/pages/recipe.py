"""The page of the recipe's format."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from mfclip.recipe.merge import REMOVABLE, merge
from mfclip.recipe.messages import Problems
from mfclip.recipe.model import RECORD, Recipe
from mfclip.recipe.overrides import read_overrides
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import ASSEMBLY_TABLES, read_registry
from mfclip.recipe.render import to_toml
from mfclip.recipe.slots import table_of
from mfclip.recipe.source import parse
from pages.assemblies import toml
from pages.catalogue import shipped
from pages.fields import field_table
from pages.markdown import code, link, page, prose

_SHORTEST = """
recipe = 1
assembly = "mfclip-small"

[data]
use = "sample"

[training]
epochs = 4
"""
_MERGES = (
    ("Tables are joined key by key.", '[text]\nuse = "fle"\nlayers = 6', "[text]\nlayers = 2"),
    (
        "Where `use` changes, the other keys of that table are dropped: they belong to another "
        "part.",
        '[vision]\nuse = "mve"\n\n[vision.image]\nuse = "cvit"\ndepth = 6',
        '[vision]\nuse = "clip-vit"\npatch = 16',
    ),
    (
        "Lists are replaced as a whole.",
        '[[loss]]\nuse = "cross-modal"\n\n[[loss]]\nuse = "cross-entropy"',
        '[[loss]]\nuse = "cross-entropy"\nweight = 2.0',
    ),
    (
        "`false` takes a table away.",
        '[vision]\nuse = "cvit"\n\n[text]\nuse = "fle"',
        "text = false",
    ),
)
_SETTINGS = (
    "training.epochs=2",
    "loss.0.weight=0.5",
    "text=false",
    "data.root=faces",
)


def write() -> str:
    """The page."""
    return page(
        "# The recipe",
        "A TOML file that says everything about one detector. It is checked before torch is "
        "loaded; every mistake in it is told at once, with file and line. `mfclip schema` writes "
        "its JSON Schema for editors.",
        code(_SHORTEST, "toml"),
        "## Keys and tables",
        prose(Recipe.__doc__),
        field_table(Recipe, leave_out=tuple(_inner_keys())),
        "A slot holds the table of one part, named by `use`; the part says which further keys "
        "there are. Unknown keys and values of another type are refused.",
        *_settings(),
        *_merging(),
        *_overrides(),
        *_paths(),
        "## The recipe of a bundle",
        f"A bundle holds its recipe with every default filled in. It depends on no assembly: "
        f"`{RECORD}` is a note of where it began, and has no effect. The example above, "
        "filled in:",
        code(_filled_in(), "toml"),
    )


def _tables() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Recipe.model_fields.items():
        schema = table_of(field)
        if schema is not None:
            yield name, schema


def _inner_keys() -> Iterator[str]:
    """Keys that have a table of their own further down the page."""
    for name, schema in _tables():
        yield from (f"{name}.{key}" for key in schema.model_fields)


def _settings() -> Iterator[str]:
    for name, schema in _tables():
        yield f"## [{name}]"
        yield prose(schema.__doc__)
        yield field_table(schema)


def _merging() -> Iterator[str]:
    yield "## How tables are laid over each other"
    yield (
        f"A recipe is laid over its assembly, which may hold {_names(ASSEMBLY_TABLES)} "
        f"({link('all assemblies', 'assemblies.md', 'Assemblies')}). {_names(REMOVABLE)} can be "
        "taken away with `false`. An assembly's `[training]` holds only where the recipe has one. "
        "Defaults of parts are filled in last."
    )
    for rule, under, over in _MERGES:
        yield rule
        yield code(
            f"# assembly\n{under}\n\n# recipe\n{over}\n\n# together\n{_merged(under, over)}", "text"
        )


def _merged(under: str, over: str) -> str:
    problems = Problems()
    merged = merge(parse(under, "assembly"), parse(over, "recipe"), problems)
    problems.raise_any()
    return toml(merged.tree)


def _overrides() -> Iterator[str]:
    yield "## --set"
    yield (
        "`mfclip-build --set KEY=VALUE` changes single values by the same rules, after the recipe; "
        "later ones win. The key is dotted. Whole numbers in it count the items of a list from 0, "
        "and then only that item changes. The value is read as TOML, and as plain text where it "
        "is none."
    )
    yield code(_set_example(), "text")


def _set_example() -> str:
    recipe = (
        '[text]\nuse = "fle"\n\n[[loss]]\nuse = "cross-modal"\n\n[[loss]]\nuse = "cross-entropy"'
    )
    problems, base = Problems(), parse(recipe, "recipe")
    changes = read_overrides(_SETTINGS, base.place(()), problems)
    merged = merge(base, changes, problems)
    problems.raise_any()
    options = " ".join(f"--set {setting}" for setting in _SETTINGS)
    return f"# recipe\n{recipe}\n\n# {options}\n{toml(merged.tree)}"


def _paths() -> Iterator[str]:
    yield "## Paths"
    yield (
        "A relative path in a recipe starts at the folder of the recipe; in a registry file, at "
        "the folder of that file; in `--set`, at the current folder. `~` is the home folder. "
        "Nothing else in a recipe is expanded or run: parts go by their names only."
    )


def _filled_in() -> str:
    recipe = read_recipe_text(_SHORTEST, "example", plugins=shipped(), registry=read_registry())
    lines = to_toml(recipe).splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
