"""Pretrained weights kept on this machine, by name: a file and its record. No torch.

The file is safetensors, or, of a network that is run as it is, ONNX: both are data, not code.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mfclip.errors import DataError, UsageError
from mfclip.files import cache_folder, replace_file, sha256, write_text
from mfclip.text import did_you_mean
from mfclip.weights.known import KNOWN
from mfclip.weights.names import WeightName

TENSORS, NETWORK = ".safetensors", ".onnx"
"""Endings of the files."""


class Record(BaseModel):
    """What is known of some weights: the JSON file beside them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """What recipes call them."""
    sha256: str
    """Of the file."""
    source: str
    """Where they come from, exactly."""
    licence: str
    """As it is stated there."""
    made: str
    """What was done to them on the way."""
    tensors: int
    """How many there are."""
    values: int
    """Numbers in all of them."""


def folder() -> Path:
    """``weights`` in the cache folder."""
    return cache_folder() / "weights"


def file_of(name: str) -> Path:
    """Where weights of that name are, or would be."""
    network = folder() / f"{name}{NETWORK}"
    return network if network.is_file() else folder() / f"{name}{TENSORS}"


def is_here(name: str) -> bool:
    """Whether both files are there."""
    return file_of(name).is_file() and _record_file(name).is_file()


def names() -> list[str]:
    """Of all weights that are here, sorted."""
    found = {file.stem for end in (TENSORS, NETWORK) for file in folder().glob(f"*{end}")}
    return sorted(name for name in found if is_here(name))


def record_of(name: str) -> Record:
    """What is known of weights that are here.

    Raises
    ------
    UsageError
        Where they are not here; the message says how to get them.
    DataError
        Where the record is damaged.
    """
    if not is_here(name):
        raise UsageError(not_here(name))
    try:
        return Record.model_validate_json(_record_file(name).read_text(encoding="utf-8"))
    except ValidationError as error:
        raise DataError(
            f"{_record_file(name)} is damaged; get the weights again: {_command(name)}"
        ) from error


def named_by_hash(sha256: str) -> WeightName | None:
    """The first name of weights whose record has that hash; None where there are none."""
    found = (name for name in names() if record_of(name).sha256 == sha256)
    return next(map(WeightName, found), None)


def not_here(name: str) -> str:
    """That weights are absent, and which command brings them."""
    if name in KNOWN:
        return f"the weights {name!r} are not on this machine; get them with: {_command(name)}"
    near = did_you_mean(name, {*KNOWN, *names()})
    return (
        f"no weights are called {name!r}{near}; `mfclip weights list` shows what there is, and "
        "`mfclip weights convert FILE --as NAME` adds a file of yours"
    )


def keep(name: str, file: Path, *, source: str, licence: str, made: str) -> Record:
    """Put a safetensors or ONNX file into the store under a name, with its record.

    Both appear whole or not at all; weights of that name that are there already are replaced.
    """
    if not WeightName.takes(name):
        raise UsageError(
            f"weights cannot be called {name!r}; allowed: lower-case letters, digits and single "
            "dashes between them, such as 'clip-vit-b16'"
        )
    ending = NETWORK if file.suffix == NETWORK else TENSORS
    shapes = _network_shapes(file) if ending == NETWORK else _shapes(file)
    folder().mkdir(parents=True, exist_ok=True)
    with replace_file(folder() / f"{name}{ending}") as staged:
        shutil.copyfile(file, staged)
    (folder() / f"{name}{TENSORS if ending == NETWORK else NETWORK}").unlink(missing_ok=True)
    record = Record(
        name=name,
        sha256=sha256(file_of(name)),
        source=source,
        licence=licence,
        made=made,
        tensors=len(shapes),
        values=sum(_product(shape) for shape in shapes),
    )
    write_text(_record_file(name), record.model_dump_json(indent=1) + "\n")
    return record


def wrong(name: str) -> Iterator[str]:
    """What is wrong with weights that are here; nothing where all is well."""
    record = record_of(name)
    found = sha256(file_of(name))
    if found != record.sha256:
        yield f"{file_of(name)} has sha256 {found}, and its record says {record.sha256}"


def _shapes(file: Path) -> list[list[int]]:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        return [opened.get_slice(key).get_shape() for key in opened.keys()]  # noqa: SIM118


def _network_shapes(file: Path) -> list[list[int]]:
    from mfclip.weights.networks import read_network

    return [list(one.dims) for one in read_network(file).graph.initializer]


def _record_file(name: str) -> Path:
    return folder() / f"{name}.json"


def _command(name: str) -> str:
    return f"mfclip weights get {name}"


def _product(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
