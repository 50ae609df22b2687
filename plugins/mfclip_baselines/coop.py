"""CoOp (Zhou et al., IJCV 2022): a CLIP whose prompts are learned, and nothing else of it."""

from __future__ import annotations

from jaxtyping import Float
from open_clip.model import CustomTextCLIP
from torch import Tensor, nn

from mfclip_baselines.backbones import Normalise
from mfclip_baselines.clip import CLASSES, CLIP, LearnedContext, Position, compared


class CoOp(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2): how near the sentence of each class is (Eq. 1).

    Parameters
    ----------
    clip
        Both towers; whether they learn is theirs to say.
    context, position, own
        As of :class:`mfclip_baselines.clip.LearnedContext`.
    """

    def __init__(
        self,
        clip: CustomTextCLIP,
        *,
        context: int = 16,
        position: Position = "end",
        own: bool = False,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(*CLIP)
        self.clip = clip
        width = clip.text.token_embedding.embedding_dim
        self.context = LearnedContext(CLASSES, context, width, position=position, own=own)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake."""
        embeddings = self.clip.visual(self.normalise(images))  # (B, d)
        texts = self.context(self.clip.text)  # (1, 2, d)
        return compared(embeddings, texts, self.clip.logit_scale)
