"""Whether the parts of a recipe work together: what no single schema can see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.util import find_spec

from pydantic import BaseModel

from mfclip.errors import in_one_line
from mfclip.parts import (
    BuildContext,
    Detector,
    Encoder,
    ImageEncoder,
    Input,
    Locator,
    Loss,
    Part,
    PseudoFake,
)
from mfclip.reads import STANDARD_READS
from mfclip.recipe.doubt import UNKNOWN, InDoubt, is_in_doubt
from mfclip.recipe.messages import Problems
from mfclip.recipe.places import Document, KeyPath
from mfclip.recipe.slots import parts_within
from mfclip.text import did_you_mean

_SIDE = ("text", "prompts", "alignment")
"""Tables of a vision-language detector beside ``vision``."""
_PROMPTS = frozenset({"prompt", "tokens"})
"""What a part reads that needs [prompts]."""
_OUTPUTS = {
    "logits": "logits",
    "visual": "the visual embedding",
    "text": "the text embedding",
    "predicted_text": "the predicted text embedding",
    "similarity": "the similarities",
}


def parts_of(built: Mapping[KeyPath, BaseModel]) -> dict[KeyPath, Part]:
    """Every part with its path, those that only a schema's defaults put there included."""
    parts: dict[KeyPath, Part] = {}
    for path, model in built.items():
        if isinstance(model, Part):
            parts[path] = model
            try:
                parts |= {p: inner for p, inner in parts_within(model, path) if p not in built}
            except InDoubt:  # a list of parts that is wrong
                continue
    return parts


@dataclass(frozen=True, slots=True)
class Fit:
    """The checks of one recipe.

    Parts that did not resolve are absent from ``parts``, and of those that did, values that are
    wrong are in doubt; whether a table is there at all is read from the document. So one mistake
    is not told twice.
    """

    parts: Mapping[KeyPath, Part]
    document: Document
    problems: Problems
    doubts: Mapping[KeyPath, set[str]] = field(default_factory=dict)
    """Fields in doubt, of the recipe (at the empty path), its tables and its parts."""

    def check(self) -> None:
        """Every check that needs no build context."""
        self._detector()
        self._text_side()
        self._losses()
        self._reads()
        self._pseudo_fakes()
        self._faces()
        self._training()
        self._widths()
        self._modules()

    def check_misfits(self, context: BuildContext) -> None:
        """What the parts themselves say of the place that they are in."""
        self._clips(context)
        for path, part in self.parts.items():
            doubted = is_in_doubt(path, self.doubts) or _any_unknown(context)
            try:
                for misfit in part.misfits(context):
                    place = (*path, *_keys(misfit.field))
                    self.problems.add(self.document, place, misfit.message)
            except Exception as error:
                if not doubted:
                    message = f"'{part.use}' failed while its fit was checked: {in_one_line(error)}"
                    self.problems.add(self.document, path, message)

    def _clips(self, context: BuildContext) -> None:
        """Whether what sees the samples reads clips where these are clips, and only there."""
        if context.frames is UNKNOWN:
            return
        for path in (("vision",), ("detector",)):
            part = self.parts.get(path)
            if not isinstance(part, ImageEncoder | Detector) or is_in_doubt(path, self.doubts):
                continue
            place = self.document.place((*path, "use"))
            if part.clips and context.frames is None:
                message = f"'{part.use}' reads clips: say how long, as preprocessing.frames = 8"
                self.problems.at(place, path, message)
            elif context.frames is not None and not part.clips:
                message = (
                    f"'{part.use}' reads single images, and preprocessing.frames is "
                    f"{context.frames}: leave frames out, or take a part that reads clips"
                )
                self.problems.at(place, path, message)

    def _misspelt(self, *names: str) -> bool:
        """Whether one of the tables may be there under a name that is not known."""
        return not {*names}.isdisjoint(self.doubts.get((), ())) and not any(map(self._has, names))

    def _has(self, name: str) -> bool:
        return name in self.document.tree

    def _named(self, path: KeyPath) -> str:
        part = self.parts.get(path)
        return f"'{part.use}'" if part else f"[{path[0]}]"

    def _lacks(self, needed: str, path: KeyPath, purpose: str) -> None:
        """Something at ``path`` needs a table; whoever switched that off is told."""
        if self._misspelt(needed):
            return
        off = self.document.removed.get(needed)
        if off is None:
            message = f"{self._named(path)} needs [{needed}] {purpose}"
            self.problems.at(self.document.place((*path, "use")), path, message)
        else:
            message = f"is switched off, but {self._named(path)} ({self.document.place(path)})"
            advice = f"needs it {purpose}; write `{path[0]} = false` too, or keep it"
            self.problems.at(off, (needed,), f"{message} {advice}")

    def _detector(self) -> None:
        if self._misspelt("detector", "vision"):
            return
        if not self._has("detector") and not self._has("vision"):
            switched_off = self.document.removed
            where = switched_off.get("vision") or switched_off.get("detector")
            message = "needs [vision] or [detector]: one of them sees the images"
            self.problems.at(where or self.document.place(("assembly",)), (), message)
        for name in ("vision", *_SIDE) if self._has("detector") else ():
            if self._has(name) and not (name == "prompts" and self._reads_prompts()):
                at = self.document.place(("detector",))
                message = f"[detector] ({at}) is a whole detector by itself; remove one of them"
                self.problems.add(self.document, (name,), message)

    def _reads_prompts(self) -> bool:
        """Whether a whole detector reads prompts, so that the recipe may have them."""
        detector = self.parts.get(("detector",))
        return detector is None or (
            isinstance(detector, Detector) and not _PROMPTS.isdisjoint(detector.reads)
        )

    def _reads(self) -> None:
        """Whether somebody gives what each part reads."""
        given = {part.name: path for path, part in self.parts.items() if isinstance(part, Input)}
        known = {*STANDARD_READS, *given}
        reads = {path: _reads_of(part) for path, part in self.parts.items()}
        read = {name for names in reads.values() for name in names}
        for name in sorted(given.keys() - read):
            if not self.doubts:
                message = (
                    f"no part of the recipe reads '{name}'; remove this input, or add a reader"
                )
                self.problems.add(self.document, given[name], message)
        for path, part in self.parts.items():
            for name in sorted(reads[path] - known):
                if not self._misspelt("input"):
                    message = (
                        f"'{part.use}' reads '{name}', which no [[input]] of the recipe gives"
                        f"{did_you_mean(name, known)}"
                    )
                    self.problems.at(self.document.place((*path, "use")), path, message)
            reads_text = not _PROMPTS.isdisjoint(reads[path])
            if reads_text and isinstance(part, Detector) and not self._has("prompts"):
                self._lacks("prompts", path, "to read")

    def _pseudo_fakes(self) -> None:
        """Whether all that is read beside an image can be made for one that no manifest lists."""
        augmentation = self.document.tree.get("augmentation", {})
        if isinstance(augmentation, Mapping) and augmentation.get("pseudo") == 0:  # switched off
            return
        made = [path for path, part in self.parts.items() if isinstance(part, PseudoFake)]
        for path, part in self.parts.items() if made else ():
            columns = _columns_of(part)
            if columns:
                names = " and ".join(map(repr, columns))
                message = (
                    f"'{self.parts[made[0]].use}' makes images while training, which have no "
                    f"{names} in the manifest, which '{part.use}' needs "
                    f"({self.document.place(path)}); remove one of them, or write "
                    "augmentation.pseudo = 0"
                )
                self.problems.at(self.document.place((*made[0], "use")), made[0], message)

    def _faces(self) -> None:
        """Whether all that is read beside an image is of the crop as well."""
        found = [path for path, part in self.parts.items() if isinstance(part, Locator)]
        for path, part in self.parts.items() if found else ():
            columns = _columns_of(part)
            if columns:
                names = " and ".join(map(repr, columns))
                message = (
                    f"'{self.parts[found[0]].use}' crops pictures to their faces, and what "
                    f"'{part.use}' makes of {names} ({self.document.place(path)}) is of the whole "
                    "picture; crop the data set first and leave [preprocessing.faces] out"
                )
                self.problems.at(self.document.place((*found[0], "use")), found[0], message)

    def _text_side(self) -> None:
        if self._has("detector"):
            return
        if self._has("alignment") and not self._has("text"):
            self._lacks("text", ("alignment",), "to compare the images with")
        if self._has("text") and not self._has("prompts"):
            self._lacks("prompts", ("text",), "to read")
        if self._has("prompts") and not self._has("text"):
            self._lacks("text", ("prompts",), "to be read by")

    def _losses(self) -> None:
        given = self._outputs()
        for path, part in self.parts.items():
            if isinstance(part, Loss):
                for output in sorted(part.needs - given) if given is not None else ():
                    self._missing_output(output, path, part)

    def _outputs(self) -> set[str] | None:
        """What the recipe's detector gives; None where its part is not known."""
        if self._has("detector"):
            detector = self.parts.get(("detector",))
            return set(detector.gives) if isinstance(detector, Detector) else None
        if self._misspelt("detector", "vision"):
            return None
        given = {"logits", "visual"}
        given |= (
            {"text", "predicted_text"} if self._has("text") or self._misspelt("text") else set()
        )
        alignment = self._has("alignment") or self._misspelt("alignment")
        return given | ({"similarity"} if alignment else set())

    def _missing_output(self, output: str, path: KeyPath, loss: Loss) -> None:
        what = _OUTPUTS.get(output, f"the output '{output}'")
        if self._has("detector"):
            message = f"'{loss.use}' reads {what}, which {self._named(('detector',))} does not give"
            detector = self.parts[("detector",)]
            assert isinstance(detector, Detector)
            gives = f"it gives: {', '.join(sorted(detector.gives)) or 'nothing'}"
            self.problems.at(self.document.place((*path, "use")), path, message, gives)
            return
        if output not in _OUTPUTS:
            message = (
                f"'{loss.use}' reads {what}, which only a whole detector can give: the recipe "
                "needs a [detector] that does"
            )
            self.problems.at(self.document.place((*path, "use")), path, message)
            return
        table = "alignment" if output == "similarity" else "text"
        off = self.document.removed.get(table)
        notes = [f"[{table}] was switched off at {off}"] if off else []
        message = f"'{loss.use}' reads {what}, so the recipe needs [{table}]"
        self.problems.at(self.document.place((*path, "use")), path, message, *notes)

    def _training(self) -> None:
        self._validation()
        if not self._has("training"):
            return
        if not self._has("data"):
            self._lacks("data", ("training",), "to train on")
        if not self.document.tree.get("loss") and not self._misspelt("loss"):
            message = "training needs at least one [[loss]]"
            self.problems.add(self.document, ("training",), message)

    def _validation(self) -> None:
        """Whether what is chosen by kinds left out, and only that, is asked for together."""
        training = self.document.tree.get("training")
        table = training if isinstance(training, Mapping) else {}
        left_out = str(table.get("validation", "")).startswith("left-out:")
        if self._has("candidates") and not left_out and not self._unsure("training", "validation"):
            message = (
                "candidates are chosen among by kinds of forgery that they were not trained on: "
                'write validation = "left-out:generator" (or forgery, family, group) under '
                "[training], or take [candidates] away, as candidates = false does"
            )
            self.problems.add(self.document, ("candidates",), message)
        if left_out and table.get("patience") is not None:
            message = (
                "ends a training by its own validation, and kinds left out are compared epoch by "
                "epoch over trainings of one length; leave patience out"
            )
            self.problems.add(self.document, ("training", "patience"), message)

    def _unsure(self, table: str, key: str) -> bool:
        """Whether a key of a table may be there under a name that is not known."""
        return self._misspelt(table) or key in self.doubts.get((table,), ())

    def _widths(self) -> None:
        vision, text = self.parts.get(("vision",)), self.parts.get(("text",))
        if not (isinstance(vision, Encoder) and isinstance(text, Encoder)):
            return
        widths = [self._width("vision", vision), self._width("text", text)]
        if any(width is None for width in widths) or widths[0] == widths[1]:
            return
        message = (
            "image and text embeddings are compared and must be equally wide, got "
            f"{widths[0]} from '{vision.use}' ({self.document.place(('vision',))}) and "
            f"{widths[1]} from '{text.use}' ({self.document.place(('text',))})"
        )
        self.problems.add(self.document, (self._recipes_own("text", "vision"),), message)

    def _recipes_own(self, *names: str) -> str:
        """The first of the tables that the recipe itself writes, not its assembly."""
        recipe = self.document.place(()).origin
        for name in names:
            origin = self.document.place((name,)).origin
            if origin == recipe or origin.startswith("--set"):
                return name
        return names[0]

    def _width(self, name: str, encoder: Encoder) -> int | None:
        try:
            width = encoder.width
        except Exception as error:
            if is_in_doubt((name,), self.doubts):
                return None
            message = f"the width of '{encoder.use}' cannot be had: {in_one_line(error)}"
            self.problems.add(self.document, (name,), message)
            return None
        return None if width is UNKNOWN else width

    def _modules(self) -> None:
        for path, part in self.parts.items():
            absent = [name for name in part.modules if not _installed(name)]
            if absent:
                names = " and ".join(f"'{name}'" for name in absent)
                what = part.extra or " ".join(absent)
                message = f"'{part.use}' needs {names}, not installed here: pip install '{what}'"
                self.problems.at(self.document.place((*path, "use")), path, message)


def _reads_of(part: Part) -> frozenset[str]:
    """What a part reads; nothing where that hangs on a value that is wrong."""
    try:
        return frozenset(getattr(part, "reads", ()))
    except InDoubt:
        return frozenset()


def _columns_of(part: Part) -> tuple[str, ...]:
    """Columns of the manifest that an input needs; none where that hangs on a wrong value."""
    if not isinstance(part, Input):
        return ()
    try:
        return tuple(map(str, part.columns))
    except InDoubt:
        return ()


def _any_unknown(context: BuildContext) -> bool:
    return any(
        value is UNKNOWN for value in (getattr(context, one.name) for one in fields(context))
    )


def _installed(module: str) -> bool:
    """Whether a top-level module can be found, without importing it."""
    try:
        return find_spec(module.partition(".")[0]) is not None
    except ValueError:  # an imported module without a spec, such as a test double
        return True


def _keys(field: str) -> KeyPath:
    """The keys of a dotted field; whole numbers are list positions."""
    return tuple(int(k) if k.isdecimal() else k for k in field.split(".")) if field else ()
