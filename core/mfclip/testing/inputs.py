"""Inputs for the checks: the same on every machine, small, and like what a detector sees.

Shape letters: B images or pairs, K prompts, S sentences, d the width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mfclip.detector.outputs import Targets
from mfclip.output_names import Shape
from mfclip.parts import BuildContext, Detector, ImageEncoder, Loss
from mfclip.reads import STANDARD_READS, keyword

if TYPE_CHECKING:
    from mfclip.data.protocols import Tokenises

START, END = 49406, 49407
"""CLIP's tokens before and after a sentence."""
CONTEXT = 77
"""Tokens of one sentence, padding included."""


def images(batch: int, size: int, seed: int = 0) -> Float[Tensor, "batch 3 size size"]:
    """Pictures with a soft coarse structure and fine grain, 0-1; each row of a seed differs."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 4, 4, generator=random)
    soft = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    # The left half is grainier, so that a part which looks for texture has something to find.
    grain = torch.randn(batch, 3, size, size, generator=random) * 0.05
    grain[..., size // 2 :] *= 0.2
    return (soft * 0.8 + 0.1 + grain).clamp(0, 1)


def samples(
    batch: int, size: int, frames: int | None, seed: int = 0
) -> Float[Tensor, "batch *frames 3 size size"]:
    """Pictures, or with ``frames`` clips in which a picture drifts to the right."""
    pictures = images(batch, size, seed)
    if frames is None:
        return pictures
    return torch.stack([pictures.roll(2 * frame, -1) for frame in range(frames)], 1)


def extreme_images(size: int) -> dict[str, Float[Tensor, "3 size size"]]:
    """Pictures that real data hold now and then, by name."""
    plain = {"black": (0, 0, 0), "white": (1, 1, 1), "grey": (0.5, 0.5, 0.5)}
    plain |= {"saturated red": (1, 0, 0), "saturated green": (0, 1, 0)}
    plain |= {"saturated blue": (0, 0, 1)}
    found = {
        n: torch.tensor(c).float().view(3, 1, 1).expand(3, size, size) for n, c in plain.items()
    }
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(3, size, size, generator=random)
    return {**found, "noise": noise, "black-and-white noise": noise.round()}


WORDS = (
    *("a photo of a face", "real", "fake", "a person's portrait", "made by a diffusion model"),
    *("this is a real face", "the face was swapped", "an entire face was synthesised"),
)
"""What sentences for a tokeniser of a part's own are made of."""


def tokens(
    prompts: int, sentences: int, seed: int = 0, tokeniser: Tokenises | None = None
) -> Int[Tensor, "prompts sentences tokens"]:
    """Token rows as the prompt table makes them: start, words, end, zeros; of several lengths."""
    random = torch.Generator().manual_seed(seed)
    length = CONTEXT if tokeniser is None else tokeniser.length
    table = torch.zeros(prompts, sentences, length, dtype=torch.int64)
    for place, row in enumerate(table.view(-1, length)):
        found = _clip_row(random) if tokeniser is None else _own_row(tokeniser, seed + place)
        row[: len(found)] = found
    return table


def _clip_row(random: torch.Generator) -> Int[Tensor, " some"]:
    length = int(torch.randint(4, 16, (), generator=random))
    words = torch.randint(300, 40000, (length,), generator=random)
    return torch.cat([torch.tensor([START]), words, torch.tensor([END])])


def _own_row(tokeniser: Tokenises, number: int) -> Int[Tensor, " some"]:
    first, second = number % len(WORDS), number // len(WORDS) % len(WORDS)
    return torch.tensor(list(tokeniser.tokens(f"{WORDS[first]} {WORDS[second]}")))


def groups(batch: int) -> Int[Tensor, " batch"]:
    """Two groups, with images of both labels in each."""
    return torch.arange(batch) // 2 % 2


def targets(batch: int, part: Loss, context: BuildContext) -> Targets:
    """The truth of a batch, and what the loss reads beside it: maps of one channel."""
    label, prompt = labels(batch), prompt_rows(batch, context.prompts)
    truth = {"label": label, "prompt": prompt, "index": torch.arange(batch), "progress": 0.5}
    truth["tokens"] = tokens(batch, context.sentences)
    truth["group"] = groups(batch)
    pictures = images(batch, context.image_size)
    named = {
        name: truth[name] if name in truth else _shaped(pictures, MAP, context)
        for name in part.reads
    }
    return Targets(label, prompt, named)


MAP: Shape = ("batch", 1, "size", "size")
"""Shape of an input that a part declares none for."""


def beside(
    pictures: Float[Tensor, "batch *frames 3 height width"],
    part: ImageEncoder | Detector,
    context: BuildContext,
    *,
    truth: bool,
) -> dict[str, Any]:
    """What a part reads beside the images, by keyword: made of each image, and the truth."""
    batch = len(pictures)
    shapes = getattr(part, "shapes", {})
    found: dict[str, Any] = {
        name: _shaped(pictures, shapes.get(name, MAP), context)
        for name in part.reads
        if name not in STANDARD_READS
    }
    if truth and part.reads & set(STANDARD_READS):
        tokeniser = part.tokeniser() if isinstance(part, Detector) else None
        rows = prompt_rows(batch, context.prompts)
        known = {"label": labels(batch), "prompt": rows, "progress": 0.5}
        known |= {"index": torch.arange(batch), "group": groups(batch)}
        known["tokens"] = tokens(context.prompts, context.sentences, 0, tokeniser)[rows]
        found |= {name: value for name, value in known.items() if name in part.reads}
    return {keyword(name): value for name, value in found.items()}


def _shaped(
    pictures: Float[Tensor, "batch *frames 3 height width"], shape: Shape, context: BuildContext
) -> Float[Tensor, batch * shape]:
    """Something of that shape, 0-1, in which each row comes from its own image."""
    sizes = [context.image_size if isinstance(size, str) else size for size in shape[1:]]
    frames = pictures.flatten(1, -4) if pictures.ndim == 5 else pictures[:, None]
    grey = frames.float().mean((1, 2))[:, None]  # (B, T, 3, H, W) -> (B, 1, H, W)
    if len(sizes) == 3:
        resized = torch.nn.functional.interpolate(grey, (sizes[1], sizes[2]), mode="bilinear")
        return resized.expand(-1, sizes[0], -1, -1).contiguous()
    return grey.mean((2, 3)).expand(-1, sizes[0]).contiguous()


def embeddings(batch: int, width: int, seed: int = 0) -> Float[Tensor, "batch width"]:
    """Embeddings as encoders give them, not normalised."""
    return torch.randn(batch, width, generator=torch.Generator().manual_seed(seed))


def labels(batch: int) -> Int[Tensor, " batch"]:
    """Real and fake by turns."""
    return torch.arange(batch) % 2


def prompt_rows(batch: int, prompts: int) -> Int[Tensor, " batch"]:
    """A row of the prompt table for each sample; some rows come more than once."""
    return torch.arange(batch) % max(prompts - 1, 1)
