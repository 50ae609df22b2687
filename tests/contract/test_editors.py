"""What a TOML editor makes of our recipes and their schema.

taplo is the engine of the TOML extensions of VS Code and other editors. It knows draft 7 of JSON
Schema: words of later drafts pass unread, so a schema that a newer validator likes proves little.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from mfclip.plugins.discovery import discover
from mfclip.recipe.schema import json_schema

ROOT = Path(__file__).parents[2]
TAPLO = Path(sys.executable).with_name("taplo")
RECIPES = [
    ROOT / "mfclip.toml",
    *sorted((ROOT / "recipes").glob("*.toml")),
    *sorted((ROOT / "tests" / "contract" / "golden").glob("*.toml")),
]
WORDS_OF_LATER_DRAFTS = {
    *("prefixItems", "$dynamicRef", "$recursiveRef", "dependentSchemas", "dependentRequired"),
    *("unevaluatedProperties", "unevaluatedItems", "minContains", "maxContains"),
}
pytestmark = pytest.mark.skipif(not TAPLO.exists(), reason="taplo is not installed here")

START = 'assembly = "mfclip"\n'
WRONG = {
    "a misspelt key": (START + "[training]\nepohcs = 1", 3, "'epohcs' was unexpected"),
    "a misspelt key of a part": (
        START + '[vision.image]\nuse = "cvit"\ndepht = 3',
        4,
        "'depht' was unexpected",
    ),
    "a key of the assembly's part": (START + "[text]\nlayres = 3", 3, "'layres' was unexpected"),
    "an unknown part": (START + '[vision]\nuse = "mvee"', 3, '"mvee" is not one of'),
    "a part of another kind": (START + '[vision]\nuse = "fle"', 3, '"fle" is not one of'),
    "text for a number": (START + '[training]\nepochs = "3"', 3, 'not of type "integer"'),
    "a number too small": (START + "[training]\nepochs = 0", 3, "less than the minimum of 1"),
    "an odd number": (START + '[data]\nuse = "sample"\nimages = 13', 4, "not a multiple of 2"),
    "a word too many": (START + '[head]\nnormalise = "yes"', 3, 'not of type "boolean"'),
    "a share that is text": (
        START + '[data]\nuse = "sample"\nsplit = ["a", 0.5, 0.5]',
        4,
        '"a" is not of type "number"',
    ),
    "two shares": (START + '[data]\nuse = "sample"\nsplit = [0.5, 0.5]', 4, "less than 3 items"),
    "no root": (START + '[data]\nuse = "folder"', 2, '"root" is a required property'),
    "a loss without a name": (START + "[[loss]]\nweight = 2", 2, '"use" is a required property'),
    "an unknown assembly": ('assembly = "mfcilp"', 1, '"mfcilp" is not one of'),
    "another format": ('recipe = 2\nassembly = "mfclip"', 1, "1 was expected"),
    "true for a table": (START + "text = true", 2, 'true is not of type "object"'),
    "nothing that sees": ("recipe = 1", 1, "not valid under any of the schemas"),
}


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    return json_schema(discover())


@pytest.fixture(scope="module")
def lint(tmp_path_factory, schema):
    """``lint(*files)``: taplo's exit code and words."""
    file = tmp_path_factory.mktemp("schema") / "mfclip.schema.json"
    file.write_text(json.dumps(schema))

    def run(*files: Path) -> subprocess.CompletedProcess[str]:
        options = ["--no-auto-config", "--colors", "never", "--schema", file.as_uri()]
        return subprocess.run([TAPLO, "lint", *options, *files], capture_output=True, text=True)

    return run


def test_every_recipe_is_right(lint):
    done = lint(*RECIPES)
    assert done.returncode == 0, done.stderr
    assert f"total={len(RECIPES)}" in done.stderr
    assert len(RECIPES) > 20


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_shown_at_its_line(lint, schema, tmp_path, case):
    text, line, said = WRONG[case]
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    done = lint(file)
    assert done.returncode != 0
    assert said in done.stderr
    assert f"{file}:{line}:" in done.stderr
    validator = jsonschema.Draft202012Validator(schema)
    assert not validator.is_valid(tomllib.loads(text))


def test_a_recipe_names_its_schema_itself(tmp_path, schema):
    """The first line is enough: editors need no setting."""
    shutil.copy(ROOT / "mfclip.toml", tmp_path / "right.toml")
    wrong = (ROOT / "mfclip.toml").read_text(encoding="utf-8").replace("epochs", "epohcs")
    (tmp_path / "wrong.toml").write_text(wrong, encoding="utf-8")
    (tmp_path / "mfclip.schema.json").write_text(json.dumps(schema))
    codes = {
        name: subprocess.run(
            [TAPLO, "lint", "--no-auto-config", name], cwd=tmp_path, capture_output=True
        ).returncode
        for name in ("right.toml", "wrong.toml")
    }
    assert codes == {"right.toml": 0, "wrong.toml": 1}


def test_the_command_knows_the_assemblies_of_a_file_of_ones_own(tmp_path, lint):
    own = tmp_path / "mine.toml"
    own.write_text('[assemblies.house]\nsummary = "Ours."\nextends = "clip"\n')
    (tmp_path / "recipe.toml").write_text('#:schema own.json\nassembly = "house"\n')
    program = Path(sys.executable).with_name("mfclip")
    words = ["schema", "--registry", own, "--out", tmp_path / "own.json"]
    subprocess.run([program, *words], check=True, capture_output=True)
    done = subprocess.run(
        [TAPLO, "lint", "--no-auto-config", "recipe.toml"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert lint(tmp_path / "recipe.toml").returncode != 0


def test_the_schema_has_no_words_that_editors_do_not_know(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    assert words_of(schema) & WORDS_OF_LATER_DRAFTS == set()


def words_of(node: object) -> set[str]:
    """Every key of a JSON value, at any depth."""
    if isinstance(node, list):
        return {word for item in node for word in words_of(item)}
    if not isinstance(node, dict):
        return set()
    return set(node) | {word for item in node.values() for word in words_of(item)}
