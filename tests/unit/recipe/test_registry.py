"""The catalogue, and registry files of a user's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mfclip.errors import RecipeError
from mfclip.recipe import registry as module
from mfclip.recipe.model import Recipe
from mfclip.recipe.registry import ASSEMBLY_TABLES, Registry, plugins_for, read_registry

ABLATIONS = [f"mfclip-no-{part}" for part in ("noise", "image", "text", "predictor", "spa")]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def with_file(text: str) -> Registry:
    Path("mine.toml").write_text(text)
    return read_registry(Path("mine.toml"))


def complaints(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        with_file(text)
    return str(caught.value)


def test_the_shipped_assemblies():
    assemblies = read_registry().assemblies
    wanted = {"mfclip", "mfclip-small", "clip", "clip-spa", "cvit", *ABLATIONS}
    assert wanted <= set(assemblies)
    for name, assembly in assemblies.items():
        assert assembly.name == name
        assert assembly.summary.endswith(".")
        assert "\n" not in assembly.summary
    assert [name for name in wanted if not assemblies[name].paper] == ["mfclip-small"]


def test_the_shipped_file_is_the_one_at_the_root_of_the_repository():
    root = Path(__file__).parents[3] / "registry.toml"
    assert module.SHIPPED.resolve() == root.resolve()
    assert module.SHIPPED.is_symlink()


def test_every_shipped_part_is_described():
    parts = read_registry().parts
    assert len(parts) >= 15
    for part in parts:
        assert part.summary.endswith("."), part
        assert part.plugin.startswith("mfclip_")


def test_the_losses_of_mfclip():
    tree = read_registry().assemblies["mfclip"].document.tree
    assert tree["loss"] == [
        {"use": "cross-modal"},
        {"use": "language-kl", "temperature": 0.5},
        {"use": "cross-entropy"},
    ]


def test_an_assembly_may_start_from_another():
    assemblies = read_registry().assemblies
    no_text = assemblies["mfclip-no-text"].document
    assert no_text.tree["vision"] == assemblies["mfclip"].document.tree["vision"]
    assert "text" not in no_text.tree
    assert no_text.tree["loss"] == [{"use": "cross-entropy"}]
    assert str(no_text.place(("vision", "use"))).startswith("registry.toml:")


def test_an_assembly_may_hold_every_table_that_makes_a_detector():
    fields = set(Recipe.model_fields) - {"recipe", "name", "assembly", "candidates"}
    assert set(ASSEMBLY_TABLES) == fields


MINE = """
[plugins]
disabled = ["acme"]

[parts.encoder.my-vit]
plugin = "mine"
summary = "My own."

[assemblies.mine]
summary = "Narrow."
extends = "cvit"

[assemblies.mine.vision]
depth = 1

[assemblies.mine-wide]
summary = "Wide."
extends = "mine"
"""


def test_a_file_of_ones_own_adds_parts_and_assemblies_and_switches_plugins_off():
    registry = with_file(MINE)
    assert registry.disabled == ("acme",)
    assert registry.parts[-1].name == "my-vit"
    assert registry.assemblies["mine"].document.tree["vision"] == {"use": "cvit", "depth": 1}
    wide = registry.assemblies["mine-wide"].document
    assert wide.tree == registry.assemblies["mine"].document.tree
    assert str(wide.place(("vision", "depth"))) == "mine.toml:14"
    assert list(registry.assemblies)[: len(read_registry().assemblies)] == list(
        read_registry().assemblies
    )


def test_an_empty_file_changes_nothing():
    assert with_file("").parts == read_registry().parts
    assert with_file("").disabled == ()
    assert with_file("").allowed is None


def test_a_file_says_whose_plugins_are_loaded():
    registry = with_file('[plugins]\nallowed = ["acme-encoder"]\ndisabled = ["Evil_Parts"]')
    assert registry.allowed == ("acme-encoder",)
    assert registry.disabled == ("Evil_Parts",)
    assert with_file("[plugins]\nallowed = []").allowed == ()


OFFERS_ONE = """
    from typing import Literal

    from mfclip import hookimpl
    from mfclip.parts import Loss

    class Part(Loss):
        use: Literal["NAME-loss"] = "NAME-loss"

        def build(self, context):
            raise NotImplementedError

    @hookimpl
    def mfclip_losses():
        return [Part]
"""


@pytest.mark.parametrize(
    ("rules", "loaded"),
    [
        ("", {"mfclip", "acme", "evil"}),
        ('disabled = ["EVIL"]', {"mfclip", "acme"}),
        ('allowed = ["Acme"]', {"mfclip", "acme"}),
        ("allowed = []", {"mfclip"}),
    ],
)
def test_only_plugins_that_the_rules_let_in_are_imported(install_plugin, rules, loaded):
    for name in ("acme", "evil"):
        source = OFFERS_ONE.replace("NAME", name)
        install_plugin(source, distribution=name, plugin=name, module=f"{name}_of_registry")
    plugins = plugins_for(with_file(f"[plugins]\n{rules}"))
    assert {offer.distribution for offer in plugins.offers} == loaded
    assert set(plugins.disabled) == {"acme", "evil"} - loaded
    for name in {"acme", "evil"} - loaded:
        assert f"{name}_of_registry" not in sys.modules


WRONG = {
    "unknown table": (
        "[assembly.x]",
        "mine.toml:1: assembly: unknown table 'assembly'; did you mean 'assemblies'?\n"
        "    known: parts, assemblies, systems, plugins",
    ),
    "unknown kind": (
        "[parts.encoders.x]",
        "mine.toml:1: parts.encoders: unknown kind 'encoders'; did you mean 'encoder'?\n"
        "    known: encoder, prompts, alignment, loss, detector, dataset, corruption",
    ),
    "part without a plugin": (
        '[parts.encoder.x]\nsummary = "X."',
        "mine.toml:1: parts.encoder.x.plugin: is missing: Entry point that offers the part.",
    ),
    "unknown key of a part": (
        '[parts.encoder.x]\nsummary = "X."\nplugin = "x"\nauthor = "me"',
        "mine.toml:4: parts.encoder.x.author: unknown key 'author'\n"
        "    parts.encoder.x takes: plugin, summary, paper",
    ),
    "a shipped part": (
        '[parts.encoder.cvit]\nsummary = "X."\nplugin = "x"',
        "mine.toml:1: parts.encoder.cvit: the encoder 'cvit' is in registry.toml already; "
        "take another name",
    ),
    "a shipped assembly": (
        '\n[assemblies.mfclip]\nsummary = "X."',
        "mine.toml:2: assemblies.mfclip: the assembly 'mfclip' is in registry.toml already; "
        "take another name",
    ),
    "assembly without a summary": (
        '[assemblies.x.vision]\nuse = "cvit"',
        "mine.toml:1: assemblies.x.summary: is missing: One line.",
    ),
    "unknown table of an assembly": (
        '[assemblies.x]\nsummary = "X."\n[assemblies.x.vison]\nuse = "cvit"',
        "mine.toml:3: assemblies.x.vison: unknown table or key 'vison'; did you mean 'vision'?\n"
        "    known: summary, paper, extends, vision, text, prompts, alignment, "
        "detector, data, training, loss, head, preprocessing, input, augmentation, evaluation",
    ),
    "unknown base": (
        '[assemblies.x]\nsummary = "X."\nextends = "mfcilp"',
        "mine.toml:3: assemblies.x.extends: no assembly is called 'mfcilp'; did you mean 'mfclip'?",
    ),
    "a circle": (
        '[assemblies.x]\nsummary = "X."\nextends = "y"\n'
        '[assemblies.y]\nsummary = "Y."\nextends = "x"',
        "mine.toml:3: assemblies.x.extends: extends itself: x -> y -> x\n"
        "mine.toml:6: assemblies.y.extends: extends itself: y -> x -> y",
    ),
    "disabled is no list": (
        '[plugins]\ndisabled = "acme"',
        "mine.toml:2: plugins.disabled: should be a list, got 'acme'",
    ),
    "disabled holds no text": (
        "[plugins]\ndisabled = [3]",
        "mine.toml:2: plugins.disabled.0: should be text in quotes, got 3",
    ),
    "a name on both lists": (
        '[plugins]\ndisabled = ["acme-encoder"]\nallowed = ["b", "Acme.Encoder"]',
        "mine.toml:3: plugins.allowed.1: 'Acme.Encoder' is in `disabled` too; remove one",
    ),
    "no distribution": (
        '[plugins]\nallowed = ["acme>=1"]',
        "mine.toml:2: plugins.allowed.0: should be the name of a distribution, as in "
        "`pip install NAME`, got 'acme>=1'",
    ),
    "no tables": (
        "plugins = 1\nparts = 2\nassemblies = [3]",
        "mine.toml:1: plugins: should be a table, got 1\n"
        "mine.toml:2: parts: should be a table, got 2\n"
        "mine.toml:3: assemblies: should be a table, got [3]",
    ),
    "no tables inside": (
        'parts = { encoder = 1, loss = { x = 2 } }\nassemblies.x = "y"',
        "mine.toml:1: parts.encoder: should be a table, got 1\n"
        "mine.toml:1: parts.loss.x: should be a table, got 2\n"
        "mine.toml:2: assemblies.x: should be a table, got 'y'",
    ),
    "no toml": ("x", "mine.toml:1: not valid TOML: expected '=' after a key in a key/value pair"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_explained_line_by_line(case):
    text, said = WRONG[case]
    assert complaints(text).startswith(said)


def test_a_missing_file_is_named():
    with pytest.raises(RecipeError, match=r"^mine\.toml: cannot be read: No such file"):
        read_registry(Path("mine.toml"))
