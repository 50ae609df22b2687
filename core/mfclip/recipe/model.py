"""A recipe, checked and with every default filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, WithJsonSchema

from mfclip.parts import (
    Alignment,
    BuildContext,
    Dataset,
    Detector,
    ImageEncoder,
    Input,
    Loss,
    Prompts,
    TextEncoder,
)
from mfclip.recipe.combinations import flat
from mfclip.recipe.settings import (
    AugmentationSettings,
    EvaluationSettings,
    HeadSettings,
    PreprocessingSettings,
    Settings,
    TrainingSettings,
)

if TYPE_CHECKING:
    from mfclip.data.inputs import Inputs
    from mfclip.data.preprocess import Preprocessor

RECORD = "from_assembly"
"""Key of a filled-in recipe that records where it began and changes nothing."""
Candidates = Annotated[
    dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]],
    BeforeValidator(flat),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["array", "object"]}}),
]
"""Values by dotted key."""


class Recipe(Settings):
    """Everything that makes one detector. Either ``detector`` or ``vision`` is set."""

    recipe: Literal[1] = 1
    """Version of the format."""
    name: str = "detector"
    """Shown in reports; the file's stem where the recipe gives none."""
    assembly: str | None = None
    """Named assembly that the recipe started from."""
    vision: SerializeAsAny[ImageEncoder] | None = None
    """Image encoder: X_v."""
    text: SerializeAsAny[TextEncoder] | None = None
    """Text encoder: T_l. Needed by an alignment and by losses that read text."""
    prompts: SerializeAsAny[Prompts] | None = None
    """What the text encoder reads."""
    alignment: SerializeAsAny[Alignment] | None = None
    """How visual and text embeddings are compared."""
    detector: SerializeAsAny[Detector] | None = None
    """A whole detector in place of ``vision``, ``text``, ``prompts`` and ``alignment``."""
    loss: tuple[SerializeAsAny[Loss], ...] = ()
    """Terms of the objective, summed with their weights."""
    head: HeadSettings = HeadSettings()
    """The classification head."""
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    """The one preprocessing of training and scoring."""
    input: tuple[SerializeAsAny[Input], ...] | None = None
    """Inputs beside the image, for the parts that read them."""
    data: SerializeAsAny[Dataset] | None = None
    """Images and their labels."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """Changes to the training images."""
    training: TrainingSettings | None = None
    """Without it, the bundle holds an untrained detector."""
    candidates: Candidates | None = None
    """Dotted keys of the recipe, each with a list of values to try. All combinations are trained
    without each kind, and the best on average is built; see ``training.validation``."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """How the test split is measured."""

    def preprocessor(self) -> Preprocessor:
        """What turns decoded images into the detector's input."""
        from mfclip.data.preprocess import Preprocessor

        faces = self.preprocessing.faces
        return Preprocessor(
            self.preprocessing,
            self.context().reencode,
            self.inputs(),
            faces.finder(self.context()) if faces else None,
        )

    def inputs(self) -> Inputs:
        """What makes the inputs beside the image that one of the parts reads."""
        from mfclip.data.inputs import Inputs, Maker

        makers = []
        context = self.context()
        for place, part in enumerate(self.input or ()):
            make, label = part.build(context), f"input.{place}: input {part.use!r}"
            made_by = f"{_made_by(part)} {getattr(make, 'arithmetic', '')}"
            if context.reencode is not None:
                made_by = f"{made_by} {context.reencode}"
            told = (part.columns, label, made_by, part.kept, part.photo)
            makers.append(Maker(part.name, make, *told))
        return Inputs(tuple(makers), self.reads())

    def reads(self) -> frozenset[str]:
        """Names of everything that a part reads beside the image."""
        parts = (self.vision, self.detector, *self.loss)
        return frozenset[str]().union(*(part.reads for part in parts if part is not None))

    def context(self, prompts: int | None = None, *, pretrained: bool = True) -> BuildContext:
        """What the parts are told when they are built; ``prompts`` is the table's length K."""
        defaults = BuildContext()
        return BuildContext(
            image_size=self.preprocessing.size,
            sentences=self.prompts.sentences if self.prompts else defaults.sentences,
            prompts=defaults.prompts if prompts is None else prompts,
            batch_size=self.training.batch_size if self.training else defaults.batch_size,
            width=self.vision.width if self.vision else defaults.width,
            frames=self.preprocessing.frames,
            reencode=self.data.reencode if self.data else None,
            pretrained=pretrained,
        )


def _made_by(part: Input) -> str:
    """An input with all that what it makes depends on; of pretrained weights, what is in them."""
    from mfclip.weights.files import hash_of

    weights = getattr(part, "weights", None)
    found = "" if weights is None else f" {hash_of(weights)}"
    return f"{part.version} {part.model_dump_json()}{found}"
