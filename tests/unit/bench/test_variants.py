from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mfclip.bench.variants import read_ablation
from mfclip.errors import RecipeError, UsageError
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry

BASE = """
recipe = 1
assembly = "mfclip-small"
vision.image.dim = 64
vision.noise.dim = 64
text.dim = 64
data = { use = "sample" }
training.epochs = 3
"""
HEAD = 'title = "T"\n[bases]\none = "base.toml"\n'


@pytest.fixture(scope="module")
def offers():
    return {"plugins": discover(), "registry": read_registry()}


@pytest.fixture
def read(tmp_path: Path, offers):
    """Read an ablation of the text given; ``base.toml`` and ``cvit.toml`` lie beside it."""
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "cvit.toml").write_text(
        BASE.replace("mfclip-small", "cvit-small").split("vision")[0]
        + 'data = { use = "sample" }\ntraining.epochs = 3\n'
    )

    def run(text: str, **arguments):
        file = tmp_path / "family.toml"
        file.write_text(textwrap.dedent(text))
        return read_ablation(file, **arguments, **offers)

    return run


def problems(read, text: str, **arguments) -> str:
    with pytest.raises(RecipeError) as caught:
        read(text, **arguments)
    return str(caught.value)


def test_a_variant_is_the_base_with_its_changes(read, tmp_path, offers):
    found = read(
        f"""{HEAD}
        [variants.as-it-is]
        [variants.levels]
        prompts.levels = 2
        vision.noise.patch_size = 56
        """.replace("        ", "")
    )
    assert (found.title, found.paper) == ("T", "")
    assert [variant.name for variant in found.variants] == ["as-it-is", "levels"]
    same, changed = found.variants
    assert same.overrides == ()
    assert same.recipe == read_recipe(tmp_path / "base.toml", **offers)
    assert changed.overrides == ("prompts.levels=2", "vision.noise.patch_size=56")
    by_hand = read_recipe(tmp_path / "base.toml", overrides=changed.overrides, **offers)
    assert changed.recipe == by_hand
    assert changed.base == tmp_path / "base.toml"


def test_quoted_dotted_keys_and_inline_tables_mean_the_same(read):
    found = read(
        HEAD
        + '[variants.a]\n"vision.noise.patch_size" = 56\n'
        + "[variants.b]\nvision = { noise = { patch_size = 56 } }\n"
        + "[variants.c.vision.noise]\npatch_size = 56\n"
    )
    assert len({variant.overrides for variant in found.variants}) == 1
    assert found.variants[0].recipe.vision.noise.patch_size == 56


def test_a_part_is_taken_from_the_base_as_it_is_there(read):
    found = read(HEAD + '[variants.image]\nvision = { from = "vision.image" }\n')
    recipe = found.variants[0].recipe
    assert recipe.vision.use == "cvit"
    assert (recipe.vision.dim, recipe.vision.depth) == (64, 2)


def test_changes_of_the_base_come_before_those_of_its_variants(read):
    found = read(
        HEAD + '[variants.image]\nvision = { from = "vision.image" }\n[variants.all]\n',
        overrides=["vision.noise.patch_size=32", "vision.image.depth=3", "training.epochs=1"],
    )
    image, whole = (variant.recipe for variant in found.variants)
    # The noise encoder's override has no place in the variant without one, and is no error.
    assert image.vision.depth == 3
    assert whole.vision.noise.patch_size == 32
    assert image.training.epochs == 1


def test_lists_and_items_of_lists_can_be_set(read):
    found = read(
        HEAD
        + '[variants.less]\nloss = [{ use = "language-kl", temperature = 0.25 }]\n'
        + "[variants.cooler]\nloss.1.temperature = 0.25\n"
        + "[variants.none]\nalignment = false\nloss = [{ use = 'cross-entropy' }]\n"
    )
    less, cooler, none = (variant.recipe for variant in found.variants)
    assert [term.use for term in less.loss] == ["language-kl"]
    assert cooler.loss[1] == less.loss[0]
    assert len(cooler.loss) == 3
    assert none.alignment is None


def test_each_variant_names_its_base_where_there_are_several(read, tmp_path):
    text = 'title = "T"\n[bases]\na = "base.toml"\nb = "cvit.toml"\n[variants.x]\nbase = "a"\n'
    found = read(text + '[variants.y]\nbase = "b"\n')
    assert [v.recipe.vision.use for v in found.variants] == ["mve", "cvit"]
    other = [tmp_path / "cvit.toml", tmp_path / "base.toml"]
    swapped = read(text + '[variants.y]\nbase = "b"\n', bases=other)
    assert [v.recipe.vision.use for v in swapped.variants] == ["cvit", "mve"]
    told = problems(read, text + "[variants.y]\n")
    assert told.endswith("family.toml:7: variants.y: needs a base, one of: a, b")
    told = problems(read, text + '[variants.y]\nbase = "aa"\n')
    assert "family.toml:8: variants.y.base: no base is called 'aa'; did you mean 'a'?" in told
    with pytest.raises(UsageError, match=r"2 base recipes \(a, b\): .*; got 1"):
        read(text, bases=other[:1])


def test_recipes_called_like_the_bases_replace_them_by_name(read, tmp_path):
    text = 'title = "T"\n[bases]\na = "base.toml"\nb = "base.toml"\n[variants.x]\nbase = "a"\n'
    (tmp_path / "mine").mkdir()
    for name, file in (("a", "base.toml"), ("b", "cvit.toml")):
        (tmp_path / "mine" / f"{name}.toml").write_text((tmp_path / file).read_text())
    turned = [tmp_path / "mine" / "b.toml", tmp_path / "mine" / "a.toml"]
    found = read(text + '[variants.y]\nbase = "b"\n', bases=turned)
    assert [v.recipe.vision.use for v in found.variants] == ["mve", "cvit"]


def test_only_some_variants_can_be_wanted(read):
    text = HEAD + "".join(f"[variants.v{n}]\nprompts.levels = {n}\n" for n in (1, 2, 3, 9))
    found = read(text, only=["v3", "v1"])  # v9 is wrong, and not asked for
    assert [variant.name for variant in found.variants] == ["v1", "v3"]
    with pytest.raises(UsageError, match="no variant 'vv1'; did you mean 'v1'"):
        read(text, only=["vv1"])


def test_mistakes_of_variants_are_told_with_their_lines_all_at_once(read):
    told = problems(
        read,
        HEAD
        + "[variants.fine]\n"
        + "[variants.misspelt]\nvision.noise.ptach_size = 16\n"
        + "[variants.misfit]\nprompts.levels = 1\nvision.noise.patch_size = 1000\n"
        + '[variants.absent]\nvision = { from = "vision.nose" }\n'
        + "[variants.bare]\ntext = false\n",
    )
    assert "family.toml:5: variants.misspelt:\n" in told
    assert "family.toml:6: vision.noise.ptach_size: unknown key 'ptach_size'" in told
    assert "family.toml:9: vision.noise.patch_size: patches of 1000 pixels" in told
    assert "family.toml:10: variants.absent:\n    the base has no 'vision.nose'" in told
    assert "family.toml:12: variants.bare:\n" in told
    assert "family.toml:13: text: is switched off" in told
    assert "fine" not in told
    assert "--set" not in told


def test_a_change_that_begins_like_another_keeps_its_line(read):
    told = problems(
        read, HEAD + "[variants.x]\nprompts.levels = 10\ntraining.epochs = 0\nprompts.levelz = 1\n"
    )
    assert "family.toml:5: prompts.levels: " in told
    assert "family.toml:6: training.epochs: " in told
    assert "family.toml:7: prompts.levelz: " in told


def test_mistakes_of_a_base_are_told_once(read, tmp_path):
    text = HEAD + "[variants.x]\n[variants.y]\nprompts.levels = 2\n"
    told = problems(read, text, overrides=["training.epohcs=2"])
    assert told.count("unknown key 'epohcs'") == 1
    assert "family.toml:3: bases.one:\n    --set training.epohcs=2: " in told
    (tmp_path / "base.toml").unlink()
    assert "family.toml:3: bases.one:\n    no recipe at '" in problems(read, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "family.toml:1: not valid TOML"),
        ("", "family.toml:1: title: is missing"),
        (HEAD, "family.toml:1: variants: should be a table with a table of changes by name"),
        (HEAD + "[variants]\n", "family.toml:4: variants: should be a table with"),
        (HEAD + "variants = 3\n", "bases.variants: should be the path of a recipe, got 3"),
        (HEAD + "[variants]\nx = 3\n", "family.toml:5: variants.x: should be a table of changes"),
        ("titel = 1\n" + HEAD, "family.toml:1: titel: unknown key 'titel'; did you mean 'title'?"),
        ("title = 1\n[bases]\n[variants.x]\n", "family.toml:1: title: should be a text, got 1"),
        ("title = 'T'\n[variants.x]\n", "family.toml:1: bases: should be a table with the path"),
    ],
)
def test_another_form_is_refused_with_its_line(read, text, message):
    assert message in problems(read, text)


def test_reading_needs_no_torch():
    root = Path(__file__).parents[3]
    program = f"""
import sys
from pathlib import Path
from mfclip.bench.variants import read_ablation
from mfclip.plugins.discovery import discover
from mfclip.recipe.registry import read_registry
file = Path({str(root / "recipes/ablations/components.toml")!r})
found = read_ablation(file, plugins=discover(), registry=read_registry())
assert len(found.variants) == 10
print(sorted({{"torch", "numpy", "sklearn", "transformers"}} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
