"""A whole bundle made light, and a light one whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.bundle.card import card_of
from mfclip.bundle.contents import Size
from mfclip.bundle.description import parse
from mfclip.bundle.folder import (
    CARD,
    DESCRIPTION,
    WEIGHTS,
    check_destination,
    file_inside,
    size_of,
    text_of,
)
from mfclip.bundle.json_text import read_json
from mfclip.bundle.light import given_by_bases, slots_of
from mfclip.bundle.weights import save_weights
from mfclip.errors import BundleError, UsageError
from mfclip.files import replace_folder

if TYPE_CHECKING:
    from mfclip.bundle.folder import Bundle


def convert(bundle: Bundle, folder: Path, *, light: bool) -> Size:
    """Write a bundle again, without or with the tensors that pretrained weights give.

    All else of it stays as it is, but for the card's lines on loading. ``folder`` may be the
    bundle's own. Returns how large its weights are.

    Raises
    ------
    UsageError
        Where there is nothing that could be left out, or ``folder`` holds something else.
    BundleError
        Where the pretrained weights are not on this machine, or the disk fails.
    """
    if light and not slots_of(bundle.about.bases):
        raise UsageError(
            f"{bundle.folder} names no pretrained weights that it was built from, so there is "
            "nothing to leave out of it"
        )
    check_destination(folder)
    try:
        with replace_folder(folder) as staged:
            return _write(bundle, staged, light)
    except OSError as error:
        raise BundleError(
            f"could not write the bundle {folder}: {error}; what was there before is untouched"
        ) from error


def _write(bundle: Bundle, staged: Path, light: bool) -> Size:
    about, detector = bundle.about, bundle.detector()
    for name in {*about.files} - {WEIGHTS, DESCRIPTION}:
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file_inside(bundle.folder, name), staged / name)
    given: dict[str, str] = {}
    if light:
        recipe, prompts = bundle.recipe, bundle.prompts
        given = given_by_bases(detector, recipe, prompts, about.bases, text_side=about.text_side)
    written = save_weights(staged / WEIGHTS, detector, from_bases=given)
    # As it was read, so that what a later version wrote there is kept.
    description = read_json(text_of(bundle.folder, DESCRIPTION), str(bundle.folder / DESCRIPTION))
    description |= {"weights_sha256": written, "from_bases": given}
    text = json.dumps(description, indent=2, ensure_ascii=False)
    (staged / DESCRIPTION).write_text(text, encoding="utf-8")
    if CARD in about.files:
        card = card_of(text_of(bundle.folder, CARD), parse(text, str(staged / DESCRIPTION)))
        (staged / CARD).write_text(card, encoding="utf-8")
    return size_of(staged / WEIGHTS, detector, given)
