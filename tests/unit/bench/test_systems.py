"""Sets of systems as the detectors of a grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.bench.systems import names_of, read_systems
from mfclip.cli.bench_detectors import Asked, candidates_of
from mfclip.errors import RecipeError, UsageError
from mfclip.plugins.discovery import discover
from mfclip.recipe.registry import read_registry

MINE = """
[systems.mine]
assemblies = ["cvit", "cvit-wide", "clip", "gone"]
[assemblies.cvit-wide]
summary = "Fails."
extends = "cvit"
vision.dim = 7
[assemblies.cvit-alone]
summary = "Has no small variant."
extends = "cvit"
"""
BASE = """
recipe = 1
[data]
use = "folder"
root = "faces"
[training]
epochs = 1
"""
PAPER = (
    *("xception", "vit", "cvit", "dire", "freqnet", "clip", "fatformer", "vlffd", "dd-vqa"),
    *("recce", "cevit", "focus", "uia-vit", "yu", "guan", "mfclip"),
)


@pytest.fixture
def known(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE)
    return discover(), read_registry(tmp_path / "mine.toml")


@pytest.fixture
def base(tmp_path) -> list[Path]:
    (tmp_path / "base.toml").write_text(BASE)
    return [tmp_path / "base.toml"]


def test_the_set_of_the_paper():
    assert read_registry().systems["paper"] == PAPER


def test_a_set_gives_what_can_be_read_and_the_reasons_of_the_rest(base, known):
    plugins, registry = known
    names = names_of(["mine"], False, registry)
    found, absent = read_systems(names, base, ["training.epochs=2"], plugins, registry, small=False)
    assert [one.name for one in found] == ["cvit", "clip"]
    assert [one.recipe.assembly for one in found] == ["cvit", "clip"]
    assert {one.recipe.training.epochs for one in found} == {2}
    assert absent["gone"] == "not installed: no assembly is called that"
    assert "multiple of heads" in absent["cvit-wide"]
    assert "\n" not in absent["cvit-wide"]


def test_small_variants_where_there_are_some(base, known):
    plugins, registry = known
    names = ["cvit", "cvit-alone", "gone"]
    found, absent = read_systems(names, base, [], plugins, registry, small=True)
    assert [one.name for one in found] == ["cvit-small", "cvit-alone"]
    assert list(absent) == ["gone"]


def test_all_are_the_assemblies_but_small_variants(known):
    _, registry = known
    names = names_of([], True, registry)
    assert {"cvit-wide", "mfclip", "clip"} <= {*names}
    assert {name.removesuffix("-small") for name in registry.assemblies} == {*names}


def test_a_detector_called_like_one_of_a_set_stands_in_its_place(base, known):
    plugins, registry = known
    for named in ("clip=clip-small training.epochs=3", "clip-small=clip", "clip=cvit"):
        asked = Asked(base, [named], None, [], ["mine"], True)
        _, found, absent = candidates_of(asked, [], plugins, registry)
        name, _, rest = named.partition("=")
        assert [one.name for one in found] == [name, "cvit-small"]
        assert found[0].recipe.assembly == rest.split()[0]
        assert sorted(absent) == ["cvit-wide", "gone"]
    beside = Asked(base, ["wild=clip-small training.epochs=3"], None, [], ["mine"], True)
    names = [one.name for one in candidates_of(beside, [], plugins, registry)[1]]
    assert names == ["wild", "cvit-small", "clip-small"]
    both = [f"{name}={name}" for name in ("cvit", "clip")]
    asked = Asked(base, both, None, [], ["mine"], False)
    assert [one.name for one in candidates_of(asked, [], plugins, registry)[1]] == ["cvit", "clip"]


def test_several_sets_name_each_system_once(known):
    names = names_of(["mine", "paper"], False, known[1])
    assert names[:4] == ["cvit", "cvit-wide", "clip", "gone"]
    assert len(names) == len({*names}) == len({*PAPER} | {*names[:4]})


def test_what_is_wrong_is_told(base, known):
    plugins, registry = known
    with pytest.raises(UsageError, match="systems is called 'papr'; did you mean 'paper'"):
        names_of(["papr"], False, registry)
    with pytest.raises(UsageError, match="one --recipe to start from, got 2"):
        read_systems(["cvit"], base * 2, [], plugins, registry, small=False)
    with pytest.raises(RecipeError, match="no system can be read:\ngone: not installed"):
        read_systems(["gone"], base, [], plugins, registry, small=False)


def test_a_registry_of_ones_own_may_add_sets_and_change_none(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text('[systems.paper]\nassemblies = ["cvit"]\n[systems.none]\nassemblies = []\n')
    with pytest.raises(RecipeError) as caught:
        read_registry(file)
    assert "the set of systems 'paper' is in registry.toml already" in str(caught.value)
    assert "systems.none.assemblies" in str(caught.value)
