"""A bundle or a recipe from a stranger runs nothing, imports nothing, and reads nothing else.

Every case is a hostile copy of one honest bundle, or a hostile recipe. One process loads them all
under an audit hook, with modules in reach that would leave a mark if they were ever imported.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import site
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mfclip.bundle.contents import BundleContents
from mfclip.bundle.description import needs_of
from mfclip.bundle.folder import write_bundle
from mfclip.bundle.weights import sha256
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

REPOSITORY = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("trust_probe.py")
HONEST = """
assembly = "clip"
preprocessing = { size = 16 }
vision = { dim = 8, tower_width = 8, layers = 1, heads = 1, patch = 8, weights = "WEIGHTS" }
text = { dim = 8, tower_width = 8, layers = 1, heads = 1 }
data = { use = "folder", root = "DATA" }
"""
Change = Callable[[Path], object]


def text(name: str, old: str, new: str) -> Change:
    """Replace a text within a file of the bundle."""

    def change(folder: Path) -> None:
        before = (folder / name).read_text(encoding="utf-8")
        assert old in before, f"{old!r} is not in {name}"
        (folder / name).write_text(before.replace(old, new, 1), encoding="utf-8")

    return change


def whole(name: str, content: str | bytes) -> Change:
    """Replace a file of the bundle."""
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(data)


def about(**values: object) -> Change:
    """Change keys of bundle.json."""

    def change(folder: Path) -> None:
        known = json.loads((folder / "bundle.json").read_text())
        (folder / "bundle.json").write_text(json.dumps(known | values))

    return change


def weights(content: bytes) -> Change:
    """Other weights, with the hash that belongs to them."""

    def change(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(content)
        about(weights_sha256=sha256(folder / "model.safetensors"))(folder)

    return change


def header(tensors: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file by hand."""
    written = json.dumps(tensors).encode()
    return struct.pack("<Q", len(written) if length is None else length) + written + data


def link(name: str, target: str) -> Change:
    """A file of the bundle as a link to somewhere else."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return change


def fifo(name: str) -> Change:
    """A pipe in place of a file: reading it would wait for ever."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


class Payload:
    """Unpickled, it leaves the mark that must never appear."""

    def __reduce__(self):
        return os.system, ("touch canary",)


def zipped_payload() -> bytes:
    """What ``torch.save`` writes: a zip archive with a pickle in it."""
    import io

    stream = io.BytesIO()
    torch.save({"state": Payload()}, stream)
    return stream.getvalue()


NEED = {"kind": "encoder", "name": "x", "distribution": "x", "version": "1"}
USE = 'use = "clip-vit"'
BUNDLES: dict[str, tuple[Change, str]] = {
    # Names that are code, paths or modules.
    "a module": (text("recipe.toml", USE, 'use = "canary_module"'), "no image encoder is called"),
    "an attribute": (text("recipe.toml", USE, 'use = "canary_module:run"'), "no image encoder"),
    "a dotted path": (text("recipe.toml", USE, 'use = "os.system"'), "no image encoder is called"),
    "a file": (text("recipe.toml", USE, 'use = "./canary_module.py"'), "no image encoder is call"),
    "a class key": (text("recipe.toml", USE, USE + '\n__class__ = "x"'), "unknown key '__class__"),
    "a config key": (text("recipe.toml", USE, USE + '\nmodel_config = "x"'), "unknown key 'model_"),
    "a build key": (text("recipe.toml", USE, USE + '\nbuild = "os.system"'), "unknown key 'build'"),
    "a plugin table": (
        text("recipe.toml", "[head]", '[plugins]\nload = ["canary_module"]\n[head]'),
        "unknown table 'plugins'",
    ),
    "a module as a need": (about(needs=[NEED | {"name": "canary_module:run"}]), "needs.0.name"),
    "a command as a need": (about(needs=[NEED | {"distribution": "--pre"}]), "needs.0.distributi"),
    "a colour as a version": (about(mfclip="\x1b[2J"), "is no description of a bundle: mfclip"),
    "a part that is not listed": (about(needs=[]), "which bundle.json does not list"),
    "a part of nobody": (about(needs=[NEED]), "encoder 'x' of x 1: pip install x==1"),
    "a part of another": (
        text("bundle.json", '"distribution": "mfclip"', '"distribution": "evil"'),
        "installed is another one, of mfclip",
    ),
    # Paths.
    "a file above": (about(files=["../canary"]), "no name of a file inside the bundle"),
    "an absolute file": (about(files=["/etc/passwd"]), "no name of a file inside the bundle"),
    "a windows file": (about(files=["..\\canary"]), "no name of a file inside the bundle"),
    "a drive": (about(files=["C:canary"]), "no name of a file inside the bundle"),
    "a zero byte": (about(files=["a\0b"]), "no name of a file inside the bundle"),
    "a linked recipe": (link("recipe.toml", "../../honest/recipe.toml"), "leads out of the bundle"),
    "linked weights": (
        link("model.safetensors", "../../honest/model.safetensors"),
        "leads out of the bundle",
    ),
    "a linked description": (link("bundle.json", "/etc/hostname"), "leads out of the bundle"),
    "linked prompts": (link("prompts.json", "../../secret.json"), "leads out of the bundle"),
    "a device": (link("metrics.json", "/dev/zero"), "has no metrics.json"),
    "a pipe": (fifo("metrics.json"), "has no metrics.json"),
    "a link to itself": (link("metrics.json", "metrics.json"), "has no metrics.json"),
    # Weights.
    "a pickle": (weights(pickle.dumps(Payload())), "is no safetensors file"),
    "a zipped pickle": (weights(zipped_payload()), "is no safetensors file"),
    "other weights": (whole("model.safetensors", b"\0" * 64), "is not what was written"),
    "an endless header": (weights(header({}, length=2**63)), "is no safetensors file"),
    "a cut header": (weights(header({}, length=9)), "is no safetensors file"),
    "a tensor without data": (
        weights(header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})),
        "is no safetensors file",
    ),
    "overlapping tensors": (
        weights(
            header(
                {n: {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]} for n in "ab"}, b"0" * 8
            )
        ),
        "is no safetensors file",
    ),
    "an overflowing shape": (
        weights(header({"a": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 0]}})),
        "is no safetensors file",
    ),
    "an unknown type": (
        weights(header({"a": {"dtype": "PY", "shape": [1], "data_offsets": [0, 1]}}, b"0")),
        "is no safetensors file",
    ),
    # Sizes.
    "a terabyte layer": (
        text("recipe.toml", "tower_width = 8", "tower_width = 1000000"),
        "many times as large|could not be built",
    ),
    "gigabytes": (text("recipe.toml", "tower_width = 8", "tower_width = 20000"), "many times as l"),
    "a billion layers": (
        text("recipe.toml", "layers = 1", "layers = 1000000000"),
        "many times as large",
    ),
    "a number beyond 64 bits": (
        text("recipe.toml", "tower_width = 8", f"tower_width = {2**64}"),
        "should be a number of at most 64 bits",
    ),
    "a number of a megabit": (
        text("recipe.toml", "tower_width = 8", f"tower_width = 0x{'f' * 250_000}"),
        "at most 64 bits, got a number of 1000000 bits",
    ),
    "a number of many digits": (
        text("recipe.toml", "tower_width = 8", f"tower_width = {'9' * 5_000}"),
        "Exceeds the limit",
    ),
    "a large recipe": (whole("recipe.toml", "#" * 300_000), "at most 262144 are read"),
    "a large table of figures": (whole("metrics.json", " " * 17_000_000), "at most 16777216"),
    # Texts.
    "deep toml": (whole("recipe.toml", "a = " + "[" * 100_000), "nested too deeply"),
    "a deep key": (whole("recipe.toml", "a." * 100_000 + "a = 1"), "nested too deeply"),
    "a deep header": (whole("recipe.toml", f"[{'a.' * 70}a]\nx = 1"), "nested too deeply"),
    "deep inline tables": (whole("recipe.toml", "a = " + "{a=" * 99 + "1" + "}" * 99), "too deep"),
    "nan": (text("recipe.toml", "tower_width = 8", "tower_width = nan"), "should be a number"),
    "a date": (text("recipe.toml", "tower_width = 8", "tower_width = 2020-01-01"), "whole number"),
    "a key twice": (text("recipe.toml", USE, USE + "\n" + USE), "not valid TOML: cannot overwrite"),
    "a zero byte in toml": (
        text("recipe.toml", USE, "\0"),
        r"invalid statement, column 1\n +\\x00",
    ),
    "latin-1": (whole("recipe.toml", b"name = '\xe9'"), "is not UTF-8 text"),
    "utf-16": (whole("bundle.json", "{}".encode("utf-16")), "is not UTF-8 text"),
    "a terminal's commands": (
        text("recipe.toml", USE, USE + '\n"\\u001b[2J\\u001b]0;owned\\u0007" = 1'),
        r"unknown key '\\x1b\[2J\\x1b\]0;owned\\x07'",
    ),
    "deep json": (whole("metrics.json", '{"a":' * 100_000), "nested too deeply"),
    "a json key twice": (text("bundle.json", '"seed"', '"seed": 1, "seed"'), "'seed' is there twi"),
    "a json nan": (text("bundle.json", '"seed": null', '"seed": NaN'), "NaN is no number"),
    "a json zero byte": (text("bundle.json", '"seed"', '"\0"'), "Invalid control character"),
    "json with a mark": (text("bundle.json", "{", "\ufeff{"), "BOM"),
    "no object": (whole("metrics.json", "[]"), "expected a JSON object"),
    "a later format": (about(format=10**30), "has format"),
    "swapped labels": (about(labels={"real": 1, "fake": 0}), "label map"),
    # Figures that would twist every verdict.
    "a negative temperature": (
        about(operating={"temperature": -1}),
        "operating.temperature: Input should",
    ),
    "an endless temperature": (
        text("bundle.json", '"temperature": 1.0', '"temperature": 1e999'),
        "too large a number",
    ),
    "a threshold of text": (
        about(operating={"threshold": "__import__('os')"}),
        "operating.threshold: Input should",
    ),
    # Prompts.
    "prompts of nothing": (whole("prompts.json", "{}"), "the prompt table is damaged"),
    "prompts of other types": (
        whole("prompts.json", '{"prompts": [3]}'),
        "the prompt table is dam",
    ),
    "prompts with code": (
        text("prompts.json", '"forgery"', '"__class__"'),
        "the prompt table is damaged",
    ),
    "a token beyond 64 bits": (
        text("prompts.json", '"tokens": [', f'"tokens": [[{2**70}],'),
        "the prompt table is damaged",
    ),
    "a sentence without end": (
        text("prompts.json", '"tokens": [', f'"tokens": [{[1] * 78},'),
        "the prompt table is damaged",
    ),
}
HARMLESS: dict[str, Change] = {
    "windows line ends": lambda folder: (folder / "recipe.toml").write_bytes(
        (folder / "recipe.toml").read_bytes().replace(b"\n", b"\r\n")
    ),
    "a byte order mark": text("recipe.toml", "#:schema", "\ufeff#:schema"),
    "modules beside it": whole("torch.py", "open('canary', 'w')"),
    "a pickle beside it": whole("model.pkl", pickle.dumps(Payload())),
}
RECIPES: dict[str, tuple[str, str]] = {
    "recipe: a module": ('vision = { use = "canary_module" }', "no image encoder is called"),
    "recipe: a template that looks inside": (
        'assembly = "mfclip"\nprompts.level_1.fake = "{label.__class__.__mro__}"',
        "a template can name",
    ),
    "recipe: pickled weights": (
        'assembly = "clip"\nvision.weights = "canary.pkl"',
        "read from .safetensors files only",
    ),
    "recipe: an assembly by path": ('assembly = "../mfclip"', "no assembly is called"),
    "recipe: nobody's home": ('data = { use = "folder", root = "~nobody_at_all/x" }', "needs"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The honest bundle, and every case."""
    root = tmp_path_factory.mktemp("trust")
    secret = root / "secret.safetensors"
    secret.write_bytes(b"never to be read")
    (root / "secret.json").write_text("{}")
    (root / "canary_module.py").write_text("open('imported', 'w').close()\n")
    write_honest(root, secret)
    for name, change in {**{n: c for n, (c, _) in BUNDLES.items()}, **HARMLESS}.items():
        change(shutil.copytree(root / "honest", root / "bundles" / name))
    (root / "recipes").mkdir()
    for name, (recipe, _) in RECIPES.items():
        (root / "recipes" / f"{name}.toml").write_text(recipe)
    return root


def write_honest(root: Path, secret: Path) -> None:
    """A detector that began from a weight file which is none: loading must not look at it."""
    plugins, registry = discover(), read_registry()
    recipe_text = HONEST.replace("WEIGHTS", str(secret)).replace("DATA", str(root / "faces"))
    recipe = read_recipe_text(recipe_text, "honest", plugins=plugins, registry=registry)
    labels = (HierarchicalLabel("real"), HierarchicalLabel("fake", generator="x"))
    prompts = PromptTable.make(labels, recipe.prompts.build(recipe.context()))
    torch.manual_seed(0)
    detector = assemble(recipe, prompts, pretrained=False, text_side=False)
    contents = BundleContents(
        detector, recipe, prompts, needs_of(recipe, plugins), metrics={"overall": {}}
    )
    write_bundle(root / "honest", contents, text_side=False)


@pytest.fixture(scope="module")
def report(place: Path) -> dict[str, dict]:
    """What a fresh process made of each case."""
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, PROBE, place], cwd=place, env=environment, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, dict] = json.loads(done.stdout)
    assert found.pop("peak, MiB") < 2_000
    assert len(found) == len(BUNDLES) + len(HARMLESS) + len(RECIPES) + 2
    return found


@pytest.mark.parametrize("case", {**BUNDLES, **RECIPES})
def test_it_is_refused_with_a_reason(report, case):
    _, reason = {**BUNDLES, **RECIPES}[case]
    told = report[case]
    assert told["code"] in (3, 4, 6), f"{told['error']}: {told['text']}"
    assert re.search(reason, told["text"]), told["text"]
    assert all(line.isprintable() for line in told["text"].splitlines())
    assert len(told["text"]) < 3_000


@pytest.mark.parametrize("case", ["honest", *HARMLESS])
def test_what_is_odd_but_harmless_loads(report, case):
    assert report[case]["error"] is None, report[case]["text"]


@pytest.mark.parametrize("case", ["honest", *HARMLESS, *BUNDLES, *RECIPES])
def test_nothing_is_run_imported_written_or_read_elsewhere(report, place, case):
    odd = [event for event in report[case]["seen"] if not is_normal(event, place, case)]
    assert odd == []


def is_normal(event: str, place: Path, case: str) -> bool:
    """Reading one's own files and the installed program, and importing the standard library."""
    what, _, name = event.partition(" ")
    if what == "import":
        return name.partition(".")[0] in sys.stdlib_module_names
    own = place / ("honest" if case == "honest" else f"bundles/{case}")
    installed = [sys.prefix, sys.base_prefix, *site.getsitepackages(), str(REPOSITORY)]
    inside = name.startswith((str(own), str(place / "recipes" / case), *installed))
    return what == "read" and inside


def test_the_watch_sees_a_payload(report):
    seen = " ".join(report["self-test"]["seen"])
    for event in ("socket.__new__", "subprocess.Popen", f"write {os.devnull}", "canary_module"):
        assert event in seen


def test_no_payload_has_left_its_mark(report, place):
    assert not list(place.rglob("canary"))
    assert (place / "imported").exists()  # by the self-test alone, and after all else
