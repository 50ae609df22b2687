"""A detector as a folder that transformers' auto classes read once mfclip is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mfclip.bundle.folder import CARD, Bundle, text_of
from mfclip.exporting.compare import Probabilities
from mfclip.exporting.packages import needed
from mfclip.recipe.render import to_toml
from mfclip.recipe.settings import AugmentationSettings

HEADER = """---
library_name: transformers
pipeline_tag: image-classification
tags: [mfclip, deepfake-detection, face-forgery-detection]
---

"""
LOADING = """
## How to load with transformers

Needs mfclip with the parts that are named above, and no code from this folder.

```python
import mfclip.transformers
from transformers import pipeline

detect = pipeline("image-classification", model=".")
print(detect("picture.jpg"))
```

The score of the label `fake` is `p_fake`, calibrated on validation; at or above {threshold:.4f} it
means fake. Given to the image processor, a path is decoded as mfclip decodes it; the pipeline opens
pictures itself, which differs for pictures with transparency and with a colour profile.
"""


def write_folder(folder: Path, bundle: Bundle) -> None:
    """Write configuration, weights, image processor and card into an empty folder.

    Raises :class:`MissingExtraError` without transformers.
    """
    needed("transformers", "a folder for transformers", "transformers")
    from mfclip.transformers import (
        MfclipConfig,
        MfclipForImageClassification,
        MfclipImageProcessor,
    )
    from mfclip.transformers.modelling import keep_every_buffer

    about, recipe = bundle.about, bundle.recipe
    # Where the data lay and how it was trained is in the bundle; here it would only be published.
    alone = recipe.model_copy(
        update={
            **dict.fromkeys(("data", "training", "candidates")),
            "augmentation": AugmentationSettings(),
        }
    )
    config = MfclipConfig(
        recipe=to_toml(alone),
        calibration=about.operating.temperature,
        threshold=about.operating.threshold,
        architectures=[MfclipForImageClassification.__name__],
    )
    detector = bundle.detector(text_side=False)
    keep_every_buffer(detector)
    model = MfclipForImageClassification(config).eval()
    model.detector.load_state_dict(detector.state_dict())
    model.save_pretrained(folder)
    preprocessing = recipe.preprocessing.model_dump(mode="json", exclude={"faces"})
    MfclipImageProcessor(preprocessing, recipe.context().reencode).save_pretrained(folder)
    (folder / CARD).write_text(_card(bundle), encoding="utf-8")


def folder_predictor(folder: Path) -> Probabilities:
    """The score of ``fake`` by what the auto classes load from the folder."""
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    model = AutoModelForImageClassification.from_pretrained(folder).eval()
    prepare = AutoImageProcessor.from_pretrained(folder)

    def p_fake(images: Sequence[Tensor]) -> np.ndarray:
        with torch.inference_mode():
            given = prepare(list(images), return_tensors="pt")
            logits = model(**given).logits.double()
        scores: np.ndarray = logits.softmax(1)[:, model.config.label2id["fake"]].numpy()
        return scores

    return p_fake


def _card(bundle: Bundle) -> str:
    """The bundle's card, with how to load it here in place of how to load a bundle."""
    own = (
        text_of(bundle.folder, CARD) if CARD in bundle.about.files else f"# {bundle.recipe.name}\n"
    )
    before, _, _ = own.rpartition("## How to load\n")
    return (
        HEADER
        + (before or own).rstrip()
        + "\n"
        + LOADING.format(threshold=bundle.about.operating.threshold)
    )
