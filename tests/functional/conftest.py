"""The installed commands, and one small bundle that several tests look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from .forked import Victim, Warm

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., Victim]
"""``start(program, *words, cwd=folder, err=file)``."""

TINY = """
recipe = 1
assembly = "mfclip-small"

[preprocessing]
size = 64

[vision.image]
channels = [8, 8, 16, 16, 16]
convolutions = [1, 1, 1, 1, 1]
dim = 32
depth = 1
heads = 2
mlp = 32

[vision.noise]
patch_size = 32
channels = 8
dim = 32
heads = 2

[text]
dim = 32
layers = 1
heads = 2
mlp = 32

[data]
use = "sample"
images = 96
size = 64
findings = "warn"

[training]
epochs = 2
workers = 0
precision = "fp32"

[evaluation]
bootstrap = 100
"""


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """The process that commands are forked from."""
    process = Warm(tmp_path_factory.mktemp("warm"))
    yield process
    process.end()


@pytest.fixture(scope="session")
def command(warm: Warm) -> Run:
    """Run one of our commands in a process of its own.

    That of a user would load torch first, for some seconds; this one is forked from a process that
    has. What a new process loads, and the installed programs, are tested by those tests that start
    them: of light commands, signals, kills, the doctor and the tutorial.
    """

    def run(
        name: str, *words: object, cwd: Path | None = None, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        done = warm.run(name, [str(word) for word in words], cwd)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def start(warm: Warm) -> Start:
    """Start one of our commands, as :func:`command` does, without waiting for its end.

    It leads a session of its own, Ctrl-C reaches it as on a terminal, and it ends as Python does.
    """

    def begin(name: str, *words: object, cwd: Path, err: Path) -> Victim:
        return warm.start(name, [str(word) for word in words], cwd, err)

    return begin


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny recipe in it."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def built(command: Run, workplace: Path) -> subprocess.CompletedProcess[str]:
    """What mfclip-build said of the tiny recipe; the bundle is in runs/tiny."""
    return command("mfclip-build", "--recipe", "tiny.toml", cwd=workplace)


@pytest.fixture(scope="session")
def bundle(built: subprocess.CompletedProcess[str], workplace: Path) -> Path:
    """The tiny bundle."""
    return workplace / "runs" / "tiny"


@pytest.fixture(scope="session")
def sample_manifest(bundle: Path) -> Path:
    """The table of the sample set that the tiny bundle was trained on."""
    from mfclip_sample import sample_folder

    return sample_folder(96, 64, 0) / "manifest.csv"


@pytest.fixture
def faces_and_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 32 images in ``data``, dark reals and bright fakes; and a CLIP tower of random
    weights, 3 blocks of width 64 with patches of 16 pixels, kept by the name ``tiny``."""
    import numpy as np
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    from mfclip.parts import BuildContext
    from mfclip.weights.getting import convert
    from mfclip_clip.parts import ClipVit

    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    draw, lines = np.random.default_rng(0), ["path,label,split"]
    for number, split in enumerate(["train"] * 16 + ["val"] * 8 + ["test"] * 8):
        low = 120 if number % 2 else 20
        pixels = draw.integers(low, low + 100, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{number}.png")
        lines.append(f"{number}.png,{'fake' if number % 2 else 'real'},{split}")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines) + "\n")
    torch.manual_seed(0)
    part = ClipVit(dim=16, tower_width=64, layers=3, heads=2, patch=16, activation="quick-gelu")
    state = part.build(BuildContext(image_size=32)).tower.state_dict()
    save_file({f"visual.{k}": v for k, v in state.items()}, tmp_path / "t.safetensors")
    convert(tmp_path / "t.safetensors", "tiny")
    return tmp_path


@pytest.fixture
def diffusion_model(faces_and_tower: Path) -> Path:
    """A diffusion model of random weights for images of 16 pixels, in the folder ``ddpm``."""
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(faces_and_tower / "ddpm")
    return faces_and_tower / "ddpm"


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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """The wheel of a project's folder, built once."""
    folder = tmp_path_factory.mktemp("wheels")

    @cache
    def built(project: Path) -> Path:
        builder = WheelBuilder(str(project))
        (file,) = builder.build(directory=str(folder), versions=["standard"])
        return Path(file)

    return built


@pytest.fixture(scope="session")
def fresh_environment(
    wheel: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Environment]:
    """A fresh environment with the wheels of the framework and of an example's folder."""

    def make(example: Path) -> Environment:
        distribution = example.name.replace("_", "-")
        if any(found.name == distribution for found in metadata.distributions()):
            pytest.fail(f"{distribution} is installed where the tests run; uninstall it first")
        environment = Environment(tmp_path_factory.mktemp(example.name))
        environment.install(wheel(ROOT), wheel(example))
        return environment

    return make
