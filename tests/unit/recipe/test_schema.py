"""The JSON Schema, held against a validator of its own and against the reader."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import jsonschema
import pytest

from mfclip.parts import Detector
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.recipe.merge import REMOVABLE
from mfclip.recipe.render import to_toml
from mfclip.recipe.schema import json_schema

Accepts = Callable[[str], bool]


@pytest.fixture(scope="module")
def schema(plugins, registry) -> dict[str, Any]:
    return json_schema(plugins, registry)


@pytest.fixture(scope="module")
def accepts(schema) -> Accepts:
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return lambda text: validator.is_valid(tomllib.loads(text))


EYE = '[vision]\nuse = "eye"\n'
RIGHT = {
    "small": EYE,
    "nested": '[vision]\nuse = "pair"\n[vision.image]\nuse = "ear"\nbins = 3\n',
    "change of a default": '[vision]\nuse = "pair"\n[vision.noise]\nbins = 3\n',
    "assembly": 'recipe = 1\nassembly = "duo"\n',
    "changes of an assembly": 'assembly = "duo"\n[vision.noise]\nbins = 3\n[text]\ndim = 16\n',
    "removal": 'assembly = "duo"\ntext = false\nprompts = false\nalignment = false\n'
    '[[loss]]\nuse = "plain"\n',
    "data": EYE + '[data]\nuse = "shelf"\nroot = "x"\nfiles = ["a"]\n',
    "losses": EYE + '[[loss]]\nuse = "plain"\n[[loss]]\nuse = "plain"\nweight = 2\n',
    "training": EYE + '[data]\nuse = "shelf"\nroot = "x"\n[[loss]]\nuse = "plain"\n'
    "[training]\nepochs = 3\npatience = 2\n",
    "detector": '[detector]\nuse = "whole"\n',
}
WRONG = {
    "unknown table": EYE + "[trainig]\n",
    "unknown part": '[vision]\nuse = "eey"\n',
    "unknown key": EYE + "ptach = 1\n",
    "unknown key of the assembly's part": 'assembly = "duo"\n[text]\ndmi = 3\n',
    "unknown key inside": 'assembly = "duo"\n[vision.noise]\nbnis = 3\n',
    "wrong role": '[vision]\nuse = "scribe"\n',
    "wrong type": EYE + 'dim = "x"\n',
    "out of range": EYE + "dim = 0\n",
    "wrong choice": EYE + 'pool = "maen"\n',
    "no use": "[vision]\ndim = 4\n",
    "no use in a loss": 'assembly = "duo"\n[[loss]]\nweight = 2\n',
    "one loss": EYE + '[loss]\nuse = "plain"\n',
    "no root": EYE + '[data]\nuse = "shelf"\n',
    "unknown assembly": 'assembly = "dou"\n',
    "another version": "recipe = 2\n" + EYE,
    "nothing": "recipe = 1\n",
    "true": "vision = true\n",
    "head removed": "head = false\n" + EYE,
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_recipes_are_accepted_by_schema_and_reader(accepts, read, case):
    read(RIGHT[case])
    assert accepts(RIGHT[case])


@pytest.mark.parametrize("case", WRONG)
def test_wrong_recipes_are_refused_by_both(accepts, complaints, case):
    complaints(WRONG[case])
    assert not accepts(WRONG[case])


@pytest.mark.parametrize("case", RIGHT)
def test_filled_in_recipes_are_accepted(accepts, read, case):
    assert accepts(to_toml(read(RIGHT[case])))


def test_everything_is_described(schema):
    properties = schema["properties"]
    assert all("description" in value for value in properties.values())
    eye = schema["$defs"]["encoder.eye"]
    assert eye["description"] == "An image encoder."
    assert eye["properties"]["patch"]["description"] == "Side of a patch, pixels."
    assert eye["properties"]["dim"]["default"] == 8
    described = schema["$defs"]["recipe.training"]["properties"]
    assert described["epochs"]["description"] == "Passes over the training split."
    assert described["epochs"]["minimum"] == 1


def test_slots_offer_the_parts_of_their_base_by_name(schema):
    def names(slot: str) -> list[str]:
        choices = schema["$defs"][slot]["anyOf"]
        found = [
            schema["$defs"][c["$ref"].removeprefix("#/$defs/")] for c in choices if "$ref" in c
        ]
        return [part["properties"]["use"]["const"] for part in found]

    assert names("slot.mfclip.parts.ImageEncoder") == ["eye", "ear", "pair"]
    assert names("slot.mfclip.parts.TextEncoder") == ["scribe"]
    assert names("slot.mfclip.parts.Loss.complete.named") == ["plain", "contrast", "echo"]


def test_only_tables_that_can_be_removed_may_be_false(schema):
    may = {
        name
        for name, value in schema["properties"].items()
        if any(choice.get("const") is False for choice in value.get("anyOf", ()))
    }
    assert may == set(REMOVABLE)


def test_assemblies_are_an_enumeration(schema, registry):
    assert schema["properties"]["assembly"]["enum"] == list(registry.assemblies)
    assert "duo" in registry.assemblies


def test_toml_knows_no_null(schema):
    assert '"null"' not in json.dumps(schema)
    assert ": null" not in json.dumps(schema)


def test_every_reference_leads_somewhere_and_nothing_is_left_over(schema):
    text = json.dumps({k: v for k, v in schema.items() if k != "$defs"})
    everything = text + json.dumps(schema["$defs"])
    for name in schema["$defs"]:
        assert f'"#/$defs/{name}"' in everything
    assert everything.count('"$ref"') > 10


def test_an_assembly_with_data_lets_a_recipe_leave_out_its_root(plugins, registry):
    duo = registry.assemblies["duo"]
    tree = {**duo.document.tree, "data": {"use": "shelf", "root": "x"}}
    other = replace(duo, document=replace(duo.document, tree=tree))
    schema = json_schema(plugins, replace(registry, assemblies={"duo": other}))
    recipe = {"assembly": "duo", "data": {"split_seed": 3}}
    assert jsonschema.Draft202012Validator(schema).is_valid(recipe)


def test_a_kind_that_nobody_offers_accepts_nothing(registry, plugins):
    few = Plugins(tuple(o for o in plugins.offers if o.kind != "detector"))
    schema = json_schema(few, registry)
    validator = jsonschema.Draft202012Validator(schema)
    assert not validator.is_valid({"detector": {"use": "whole"}})
    assert validator.is_valid({"vision": {"use": "eye"}})
    said = schema["$defs"]["slot.mfclip.parts.Detector"]["description"]
    assert said == "No installed plugin offers a detector."


class Callback(Detector):
    """A part with a type that has no JSON form."""

    use: Literal["callback"] = "callback"
    hook: Callable[[int], int] | None = None

    def build(self, context: object) -> Any:
        raise AssertionError


def test_a_part_without_a_schema_is_accepted_by_name(registry, plugins):
    odd = Offer("detector", "callback", Callback, "acme", "acme", "1")
    schema = json_schema(Plugins((*plugins.offers, odd)), registry)
    assert jsonschema.Draft202012Validator(schema).is_valid({"detector": {"use": "callback"}})
    said = schema["$defs"]["detector.callback"]["description"]
    assert said.startswith("No schema can be made of this part: ")
