"""Check: files that are missing or cannot be decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mfclip.data.audit.findings import Finding, first_few, naming
from mfclip.data.audit.looks import Look
from mfclip.data.audit.probing import Probe
from mfclip.data.images import ImageStatus
from mfclip.data.manifest import Manifest
from mfclip.text import counted

_ADVICE = {
    ImageStatus.MISSING: "check root and the paths of the manifest, or remove these rows",
    ImageStatus.UNREADABLE: "give read permission, or remove these rows",
    ImageStatus.EMPTY: "copy these files again, or remove their rows",
    ImageStatus.TRUNCATED: "copy these files again, or remove their rows",
    ImageStatus.NOT_AN_IMAGE: "save them as JPEG, PNG or WebP, or remove their rows",
    ImageStatus.UNSUPPORTED_FORMAT: "save them as JPEG, PNG or WebP, or remove their rows",
    ImageStatus.TOO_LARGE: "scale them down or crop the faces, or remove their rows",
    ImageStatus.TOO_SMALL: "take larger crops of the faces, or remove their rows",
}


def check_files(manifest: Manifest, probes: Sequence[Probe]) -> Iterator[Finding]:
    """One finding for each status but ``ok`` that occurs."""
    bad: dict[ImageStatus, list[str]] = defaultdict(list)
    for row, found in zip(manifest.rows, probes, strict=True):
        if found.status is not ImageStatus.OK:
            bad[found.status].append(row.path.as_posix())
    for status, paths in bad.items():
        what = f"{counted(len(paths), 'file')} of {len(manifest)}: {status.value}"
        code, advice = f"file-{status.value}", _ADVICE[status]
        # A small image can be trained on; one that cannot be read ends the training.
        fatal = status is not ImageStatus.TOO_SMALL
        yield Finding("error", code, what + naming(paths), advice, first_few(paths), fatal)


def check_blank(manifest: Manifest, looks: Sequence[Look | None]) -> Iterator[Finding]:
    """A warning for images of one colour: there is nothing in them to learn or to score."""
    pairs = zip(manifest.rows, looks, strict=True)
    paths = [row.path.as_posix() for row, look in pairs if look and look.blank]
    if paths:
        what = f"{counted(len(paths), 'file')} of {len(manifest)}: {ImageStatus.BLANK.value}"
        advice = "take these images anew, or remove their rows"
        code = f"file-{ImageStatus.BLANK.value}"
        yield Finding("warning", code, what + naming(paths), advice, first_few(paths))
