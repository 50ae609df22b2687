"""What ``config.json`` holds: the recipe of the detector and the calibration of its scores."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

from mfclip.data.labels import LABELS


class MfclipConfig(PretrainedConfig):  # type: ignore[misc]
    """The recipe as text, and what its log-odds are divided by.

    Parameters
    ----------
    recipe
        TOML, every default filled in; it names the parts, which have to be installed.
    calibration
        The temperature T of the operating points, above 0.
    threshold
        ``p_fake``, the score of the label ``fake``, at or above it means fake.
    """

    model_type = "mfclip"

    def __init__(
        self,
        recipe: str = "",
        calibration: float = 1.0,
        threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        self.recipe, self.calibration, self.threshold = recipe, calibration, threshold
        kwargs.setdefault("id2label", dict(enumerate(LABELS)))
        kwargs.setdefault("label2id", {label: place for place, label in enumerate(LABELS)})
        kwargs.setdefault("problem_type", "single_label_classification")
        super().__init__(**kwargs)
