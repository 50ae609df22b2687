"""Wrong recipes: what their author reads. The texts are part of the interface."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mfclip.parts import Misfit
from mfclip.plugins.discovery import Plugins

EYES = "on offer: eye (acme), ear (acme), pair (acme)"
EYE_TAKES = "eye takes: use, dim, patch, channels, scale, pool, bias, weights"
LOSSES = "on offer: plain (acme), contrast (acme), echo (acme)"

# recipe, what is said of it
RESOLVING = {
    "unknown part": (
        '[vision]\nuse = "eey"',
        f"recipe.toml:2: vision: no image encoder is called 'eey'; did you mean 'eye'?\n    {EYES}",
    ),
    "unknown part, nothing near": (
        '[vision]\nuse = "transformer"',
        f"recipe.toml:2: vision: no image encoder is called 'transformer'\n    {EYES}",
    ),
    "unknown part in a part": (
        '[vision]\nuse = "pair"\n[vision.image]\nuse = "eey"',
        "recipe.toml:4: vision.image: no image encoder is called 'eey'; did you mean 'eye'?\n"
        f"    {EYES}",
    ),
    "unknown part in a list": (
        '[vision]\nuse = "eye"\n[[loss]]\nuse = "plain"\n[[loss]]\nuse = "plian"',
        f"recipe.toml:6: loss.1: no loss is called 'plian'; did you mean 'plain'?\n    {LOSSES}",
    ),
    "missing use": (
        "[vision]\ndim = 4",
        f"recipe.toml:1: vision: `use` is missing; it names the image encoder\n    {EYES}",
    ),
    "use is no text": (
        "[vision]\nuse = 3",
        f"recipe.toml:2: vision: `use` should be the name of an image encoder, got 3\n    {EYES}",
    ),
    "wrong role": (
        '[vision]\nuse = "scribe"',
        "recipe.toml:2: vision: 'scribe' is a text encoder; this place takes an image encoder\n"
        f"    {EYES}",
    ),
    "wrong kind": (
        '[vision]\nuse = "plain"',
        f"recipe.toml:2: vision: 'plain' is a loss; this place takes an image encoder\n    {EYES}",
    ),
    "name instead of a table": (
        'vision = "eye"',
        "recipe.toml:1: vision: should be a table, got 'eye'; write vision = { use = \"eye\" }",
    ),
    "true instead of a table": (
        "vision = true",
        "recipe.toml:1: vision: should be a table, got true",
    ),
    "one loss instead of a list": (
        '[vision]\nuse = "eye"\n[loss]\nuse = "plain"',
        "recipe.toml:3: loss: should be a list of tables, got a table; write [[loss]] above each",
    ),
    "unknown key": (
        '[vision]\nuse = "eye"\nptach = 3',
        f"recipe.toml:3: vision.ptach: unknown key 'ptach'; did you mean 'patch'?\n    {EYE_TAKES}",
    ),
    "unknown table of a part": (
        '[vision]\nuse = "eye"\n[vision.nosie]\nuse = "ear"',
        f"recipe.toml:3: vision.nosie: unknown table 'nosie'\n    {EYE_TAKES}",
    ),
    "unknown key of settings": (
        '[head]\nnormalize = true\n[vision]\nuse = "eye"',
        "recipe.toml:2: head.normalize: unknown key 'normalize'; did you mean 'normalise'?\n"
        "    head takes: normalise, layer_norm",
    ),
    "unknown table": (
        '[vision]\nuse = "eye"\n[trainig]\nepochs = 1',
        "recipe.toml:3: trainig: unknown table 'trainig'; did you mean 'training'?\n"
        "    a recipe takes: recipe, name, assembly, vision, text, prompts, alignment, detector, "
        "loss, head, preprocessing, input, data, augmentation, training, candidates, evaluation",
    ),
    "unknown list of tables": (
        '[vision]\nuse = "eye"\n[[losses]]\nuse = "plain"',
        "recipe.toml:3: losses: unknown table 'losses'; did you mean 'loss'?\n"
        "    a recipe takes: recipe, name, assembly, vision, text, prompts, alignment, detector, "
        "loss, head, preprocessing, input, data, augmentation, training, candidates, evaluation",
    ),
    "another version": (
        'recipe = 2\n[vision]\nuse = "eye"',
        "recipe.toml:1: recipe: should be 1, got 2",
    ),
    "assembly is no text": (
        "assembly = 3",
        "recipe.toml:1: assembly: should be text in quotes, got 3",
    ),
    "missing value": (
        '[vision]\nuse = "eye"\n[data]\nuse = "shelf"',
        "recipe.toml:3: data.root: is missing: Folder with the images.",
    ),
}

VALUES = {
    "dim = 0": "vision.dim: should be greater than or equal to 1, got 0",
    "dim = 2.5": "vision.dim: should be a whole number, got 2.5",
    'dim = "many"': "vision.dim: should be a whole number, got 'many'",
    'dim = "8"': "vision.dim: should be a whole number, got '8'",
    "dim = true": "vision.dim: should be a whole number, got true",
    "dim = [8]": "vision.dim: should be a whole number, got [8]",
    "dim = {x = 8}": "vision.dim: should be a whole number, got a table",
    "dim = 3": "vision: dim must be even, got 3",
    'scale = "big"': "vision.scale: should be a number, got 'big'",
    "scale = false": "vision.scale: should be a number, got false",
    'bias = "perhaps"': "vision.bias: should be true or false, got 'perhaps'",
    'bias = "yes"': "vision.bias: should be true or false, got 'yes'",
    "bias = 1": "vision.bias: should be true or false, got 1",
    'pool = "maen"': "vision.pool: should be 'mean' or 'max', got 'maen'; did you mean 'mean'?",
    "pool = 3": "vision.pool: should be 'mean' or 'max', got 3",
    'channels = [1, "two"]': "vision.channels.1: should be a whole number, got 'two'",
    "channels = [1, true]": "vision.channels.1: should be a whole number, got true",
    "channels = 3": "vision.channels: should be a list, got 3",
    "weights = 3": "vision.weights: should be a path in quotes, got 3",
}

ELSEWHERE = {
    'name = 3\n[vision]\nuse = "eye"': "recipe.toml:1: name: should be text in quotes, got 3",
    'head = 3\n[vision]\nuse = "eye"': "recipe.toml:1: head: should be a table, got 3",
    '[data]\nuse="shelf"\nroot="x"\nsplit=[1.0, 0.0]\n[vision]\nuse = "eye"': (
        "recipe.toml:4: data.split.2: is missing"
    ),
    '[data]\nuse="shelf"\nroot="x"\nsplit=[\n1,\n"x",\n0]\n[vision]\nuse = "eye"': (
        "recipe.toml:6: data.split.1: should be a number, got 'x'"
    ),
    '[vision]\nuse = "pair"\nothers = [{ use = "eye" }, { use = "eye", dim = -2 }]': (
        "recipe.toml:3: vision.others.1.dim: should be greater than or equal to 1, got -2"
    ),
    '[vision]\nuse = "pair"\nothers = 3': (
        "recipe.toml:3: vision.others: should be a list of tables, got 3; "
        "write [[others]] above each"
    ),
}


@pytest.mark.parametrize("case", RESOLVING)
def test_parts_keys_and_tables(complaints, case):
    text, said = RESOLVING[case]
    assert complaints(text) == said


def test_an_unknown_assembly_is_all_that_is_said_of_what_it_may_have_held(complaints, registry):
    text = 'assembly = "dou"\n[vision]\ndim = 3\n[vision.noise]\nbins = 1\n[text]\ndim = 1'
    assert complaints(text) == (
        "recipe.toml:1: assembly: no assembly is called 'dou'; did you mean 'duo'?\n"
        f"    on offer: {', '.join(registry.assemblies)}"
    )


@pytest.mark.parametrize("line", VALUES)
def test_values(complaints, line):
    text = f'[vision]\nuse = "eye"\n\n{line}\n'
    at = 1 if line == "dim = 3" else 4
    assert complaints(text) == f"recipe.toml:{at}: {VALUES[line]}"


@pytest.mark.parametrize("text", ELSEWHERE)
def test_values_elsewhere(complaints, text):
    assert complaints(text) == ELSEWHERE[text]


def test_everything_is_told_at_once_in_the_order_of_the_file(complaints):
    said = complaints(
        """\
recipe = 1

[[loss]]
use = "plain"
wieght = 2

[vision]
use = "eey"

[training]
epochs = 0
rate = 1

[evaluatoin]
"""
    )
    heads = [line.partition(": ")[0] for line in said.splitlines() if not line.startswith(" ")]
    assert heads == [f"recipe.toml:{n}" for n in (5, 8, 10, 11, 12, 14)]


def test_broken_and_disabled_plugins_may_explain_an_unknown_part(complaints, plugins, broken):
    these = replace(plugins, broken=(broken,), disabled=("beta",))
    said = complaints('[vision]\nuse = "gone-vit"', plugins=these)
    assert said == (
        "recipe.toml:2: vision: no image encoder is called 'gone-vit'\n"
        f"    {EYES}\n"
        "    note: plugin 'gone' (gone 2.0) did not load: "
        "ModuleNotFoundError: No module named 'x'\n"
        "    note: distribution 'beta' is switched off"
    )


def test_nothing_on_offer(complaints):
    said = complaints('[vision]\nuse = "eye"', plugins=Plugins())
    assert said == (
        "recipe.toml:2: vision: no image encoder is called 'eye'\n"
        "    on offer: no image encoder, by any installed plugin"
    )


def test_one_on_offer(complaints, plugins):
    only = Plugins(tuple(o for o in plugins.offers if o.name == "eye"))
    said = complaints('[vision]\nuse = "ear"', plugins=only)
    assert said.splitlines()[1] == "    on offer: eye (acme)"


# --- whom a mistake is blamed on -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "vision.image.dmi=3",
            "--set vision.image.dmi=3: vision.image.dmi: unknown key 'dmi'; did you mean 'dim'?\n"
            f"    {EYE_TAKES}",
        ),
        (
            "vision.image.dim=many",
            "--set vision.image.dim=many: vision.image.dim: should be a whole number, got 'many'",
        ),
        (
            "vision.imgae.dim=4",
            "--set vision.imgae.dim=4: vision.imgae: unknown table 'imgae'; "
            "did you mean 'image'?\n    pair takes: use, image, noise, others",
        ),
        (
            "alignment.use=gaet",
            "--set alignment.use=gaet: alignment: no alignment is called 'gaet'; "
            "did you mean 'gate'?\n    on offer: gate (acme)",
        ),
        (
            "loss.0.wieght=1",
            "--set loss.0.wieght=1: loss.0.wieght: unknown key 'wieght'; did you mean 'weight'?\n"
            "    contrast takes: use, weight, temperature",
        ),
        (
            "loss.2.weight=1",
            "--set loss.2.weight=1: loss.2: no item 2: the list has 2, counted from 0",
        ),
        (
            "text.0.weight=1",
            "--set text.0.weight=1: text.0: there is no list to change item 0 of; it holds a table",
        ),
        (
            "assembly=duoo",
            "--set assembly=duoo: assembly: no assembly is called 'duoo'; did you mean 'duo'?",
        ),
        ("text", "--set text: expected key=value, like training.epochs=2"),
    ],
)
def test_mistakes_of_the_command_line_are_blamed_on_it(complaints, override, said):
    lines = complaints('assembly = "duo"', override).splitlines()
    assert "\n".join(lines[: said.count("\n") + 1]) == said
    assert sum(not line.startswith(" ") for line in lines) == 1


def test_mistakes_of_an_assembly_are_blamed_on_its_file(complaints, plugins):
    without = Plugins(tuple(o for o in plugins.offers if o.name != "scribe"))
    said = complaints('assembly = "duo"', plugins=without)
    assert said == (
        "acme.toml:16: text: no text encoder is called 'scribe'\n"
        "    on offer: no text encoder, by any installed plugin\n"
        "    note: comes with assembly = 'duo' (recipe.toml:1)"
    )


def test_mistakes_of_two_files_come_file_by_file(complaints, plugins):
    without = Plugins(tuple(o for o in plugins.offers if o.name != "scribe"))
    said = complaints('assembly = "duo"\n[heda]\n', "nmae=1", plugins=without)
    places = [line.split(": ")[0] for line in said.splitlines() if not line.startswith(" ")]
    assert sorted(places) == ["--set nmae=1", "acme.toml:16", "recipe.toml:2"]


# --- a schema that fails in its own ways ---------------------------------------------------------


def test_a_schema_that_raises_is_named_and_harms_nothing_else(complaints, plugins, monkeypatch):
    eye = plugins.get("encoder", "eye").schema

    def fail(values: object) -> None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(eye, "model_validate", fail)
    said = complaints('[vision]\nuse = "eye"\n[heda]\n')
    first, second, _ = said.splitlines()
    assert first.startswith(
        "recipe.toml:1: vision: Eye failed while it was checked: RuntimeError: no idea ("
    )
    assert second.startswith("recipe.toml:3: heda: unknown table 'heda'; did you mean 'head'?")


def test_misfits_that_raise_are_named(complaints, plugins, monkeypatch):
    eye = plugins.get("encoder", "eye").schema

    def fail(self: object, context: object) -> list[Misfit]:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(eye, "misfits", fail)
    assert complaints('[vision]\nuse = "eye"').startswith(
        "recipe.toml:1: vision: 'eye' failed while its fit was checked: ZeroDivisionError: oh ("
    )
