"""A stranger's package from wheel to score: installed, used by name, removed, installed again."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from PIL import Image

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "acme_encoder"
RECIPE = """
recipe = 1
assembly = "mfclip-small"

[preprocessing]
size = 64

[vision]
use = "acme-efficientnet"
dim = 32
frozen = 3

[text]
dim = 32
layers = 1
heads = 2
mlp = 32

[alignment]
use = "acme-sigmoid"

[data]
use = "sample"
images = 96
size = 64
findings = "warn"

[training]
epochs = 1
workers = 0
precision = "fp32"

[evaluation]
bootstrap = 100
"""


class Environment:
    """A fresh environment of Python. What it lacks, such as torch, it borrows from this one.

    Our site-packages come after its own on its path: what is installed into it is found first,
    and what is uninstalled from it is gone.
    """

    def __init__(self, folder: Path) -> None:
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        self.scripts = folder / "bin"
        self.variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHONPATH")}
        self.site = Path(self.run("python", "-c", "import site; print(site.getsitepackages()[0])"))
        ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        # A line that begins with `import` is run; addsitedir reads the .pth files there as well.
        lines = [f"import site; site.addsitedir({path!r})" for path in sorted(ours)]
        (self.site / "borrowed.pth").write_text("\n".join(lines), encoding="utf-8")
        self.installer = installer(self.scripts / "python")

    def install(self, *wheels: Path) -> None:
        execute([*self.installer("install"), "--no-deps", *wheels])

    def uninstall(self, distribution: str) -> None:
        execute([*self.installer("uninstall"), distribution])

    def run(self, program: str, *words: object, cwd: Path | None = None, code: int = 0) -> str:
        """What a command of the environment prints; ``code`` is the exit code that it must have."""
        return execute([self.scripts / program, *words], cwd, code, self.variables)


def execute(
    words: Sequence[object],
    cwd: Path | None = None,
    code: int = 0,
    variables: Mapping[str, str] | None = None,
) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
    return (done.stdout if code == 0 else done.stderr).strip()


def installer(python: Path) -> Callable[[str], list[object]]:
    """uv or pip, whichever this machine has, as a command for the environment of ``python``."""
    beside = Path(sys.executable).with_name("uv")
    uv = beside if beside.exists() else shutil.which("uv")
    if uv:
        return lambda action: [uv, "pip", action, "--python", python]
    if find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "--python", python]
        return lambda action: [*pip, action, *(["--yes"] if action == "uninstall" else [])]
    pytest.fail("this test installs a wheel and finds neither uv nor pip: pip install uv")


def wheel(project: Path, folder: Path) -> Path:
    (built,) = WheelBuilder(str(project)).build(directory=str(folder), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The framework's and the stranger's."""
    folder = tmp_path_factory.mktemp("wheels")
    return wheel(ROOT, folder), wheel(EXAMPLE, folder)


@pytest.fixture(scope="module")
def environment(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With both wheels installed."""
    if any(found.name == "acme-encoder" for found in metadata.distributions()):
        pytest.fail("acme-encoder is installed where the tests run; uninstall it first")
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(*wheels)
    return environment


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "acme.toml").write_text(RECIPE, encoding="utf-8")
    Image.effect_noise((80, 60), 40).convert("RGB").save(folder / "face.png")
    return folder


@pytest.fixture(scope="module")
def bundle(environment: Environment, workplace: Path) -> Path:
    """Trained for a few steps from ImageNet weights."""
    environment.run("mfclip-build", "--recipe", "acme.toml", cwd=workplace)
    return workplace / "runs" / "acme"


def score(environment: Environment, bundle: Path, workplace: Path) -> float:
    printed = environment.run("mfclip", "score", bundle, workplace / "face.png")
    (row,) = csv.DictReader(printed.splitlines())
    assert row["status"] == "ok"
    return float(row["p_fake"])


def test_both_packages_run_from_their_wheels(environment: Environment) -> None:
    program = "import mfclip, acme_encoder; print(mfclip.__file__, acme_encoder.__file__)"
    files = environment.run("python", "-c", program).split()
    assert all(Path(file).is_relative_to(environment.site) for file in files)


def test_its_parts_are_listed_with_their_owner(environment: Environment) -> None:
    listed = json.loads(environment.run("mfclip", "parts", "--json", "--strict"))
    found = [part for part in listed["parts"] if part["distribution"] == "acme-encoder"]
    assert [(part["kind"], part["name"], part["version"]) for part in found] == [
        ("encoder", "acme-efficientnet", "0.1.0"),
        ("alignment", "acme-sigmoid", "0.1.0"),
    ]


def test_its_own_tests_pass(environment: Environment) -> None:
    told = environment.run("python", "-m", "pytest", "-p", "no:cacheprovider", cwd=EXAMPLE)
    found = re.search(r"^(\d+) passed", told, re.MULTILINE)
    assert found, told
    assert int(found[1]) > 30


def test_the_recipes_that_it_ships_are_valid(environment: Environment, workplace: Path) -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (workplace / "shown.toml").write_text(shown, encoding="utf-8")
    program = (
        "import sys; from pathlib import Path; from mfclip.plugins.discovery import discover\n"
        "from mfclip.recipe.read import read_recipe\n"
        "from mfclip.recipe.registry import read_registry\n"
        "for file in map(Path, sys.argv[1:]):\n"
        "    recipe = read_recipe(file, plugins=discover(), registry=read_registry())\n"
        "    print(recipe.vision.use, recipe.vision.frozen)"
    )
    files = (workplace / "shown.toml", EXAMPLE / "faces-cpu.toml")
    told = environment.run("python", "-c", program, *files)
    assert told.splitlines() == ["acme-efficientnet 3", "acme-efficientnet 0"]


def test_an_absent_dependency_is_an_error_of_the_recipe(
    environment: Environment, workplace: Path
) -> None:
    program = (
        "import sys; sys.modules['efficientnet_lite_pytorch'] = None\n"
        "sys.argv = ['mfclip-build', '--recipe', 'acme.toml']\n"
        "from mfclip.cli import build_main; build_main()"
    )
    told = environment.run("python", "-c", program, cwd=workplace, code=3)
    assert "acme.toml:9: vision: 'acme-efficientnet' needs 'efficientnet_lite_pytorch'" in told
    assert "pip install 'acme-encoder[efficientnet]'" in told


def test_bundle_remembers_who_it_needs(bundle: Path) -> None:
    needs = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["needs"]
    acme = [need for need in needs if need["distribution"] == "acme-encoder"]
    assert [(need["name"], need["version"]) for need in acme] == [
        ("acme-efficientnet", "0.1.0"),
        ("acme-sigmoid", "0.1.0"),
    ]


def test_bundle_scores_while_the_package_is_there(
    environment: Environment, bundle: Path, workplace: Path, wheels: tuple[Path, Path]
) -> None:
    before = score(environment, bundle, workplace)
    assert 0 < before < 1

    environment.uninstall("acme-encoder")
    assert not (environment.site / "acme_encoder").exists()
    told = environment.run("mfclip", "score", bundle, workplace / "face.png", code=6)
    assert "needs parts that are not installed" in told
    for part in ("encoder 'acme-efficientnet'", "alignment 'acme-sigmoid'"):
        assert f"{part} of acme-encoder 0.1.0: pip install acme-encoder==0.1.0" in told
    told = environment.run("mfclip-build", "--recipe", "acme.toml", cwd=workplace, code=3)
    assert "acme.toml:9: vision: no image encoder is called 'acme-efficientnet'" in told

    environment.install(wheels[1])
    assert score(environment, bundle, workplace) == before
