"""Where the systems come from that are assembled of parts, and so have no schema that says it.

Of MFCLIP and its CLIP baseline more is said in docs/explanation/paper-and-code.md.
"""

from mfclip import Origin

MFCLIP = "Zhang et al., Multi-modal fine-grained CLIP, TIFS 20, 2025"
SENTENCES = "labels, and sentences made of them"
WITHOUT = "sentences say less, or something neutral, where a label does not tell"

ORIGINS = {
    "mfclip": Origin(
        paper=f"{MFCLIP}, III, Fig. 2",
        read="IE, a VGG-like CNN and a transformer; NE on the richest of the patches of 112 "
        "pixels, by homogeneity, with SRM kernels and embeddings of 64x8x8; prompts of 4 levels; "
        "FLE of 6 layers and its last class embedding; learnable A, its sigmoid on the logits; "
        "cross-modal loss, KL at 0.5 and cross-entropy; one layer on X_v; 224 pixels; Adam at "
        "1e-4, decay 1e-3, a tenth after 15 epochs, 30 epochs, batches of 24",
        inferred="end of text of the last sentence; a position a token; X_v as it is before head "
        "and predictor; A as large as a batch; which of both gates is meant (the logits')",
        unknown="the configuration behind the 93.8 M parameters in print; how A starts (its "
        "sigmoid at 0.5); what a real face reads below level 1",
        supervision=SENTENCES,
        without=WITHOUT,
    ),
    "clip": Origin(
        paper=f"{MFCLIP}, IV-A, Table VIII; Radford et al., CLIP, ICML 2021 (arXiv 2103.00020)",
        read="image and text tower with InfoNCE in both directions; 84.2 M parameters; the prompts "
        "and the schedule of MFCLIP",
        inferred="the head and the cross-entropy of MFCLIP, so that both differ in encoders and "
        "alignment alone; from scratch",
        unknown="the towers (ViT-B/32, 12 layers each, the text tower 512 wide); how the sentences "
        "of a prompt become one (each is encoded alone, their mean)",
        supervision=SENTENCES,
        without=WITHOUT,
    ),
    "cvit": Origin(
        paper="Wodajo and Atnafu, Deepfake video detection using convolutional vision transformer, "
        "2021 (arXiv 2102.11126)",
        read="17 convolutions in five groups, 10.8 M parameters, from 224 pixels to 512 maps of "
        "7x7; these are one token beside the class token; a transformer with 8 heads and "
        "perceptrons of 2048",
        inferred="6 blocks; attention scaled by the whole width; as MFCLIP's image encoder: "
        "embeddings of 512 where its authors have 1024, MFCLIP's head and its schedule (Adam at "
        "1e-4)",
        unknown="how the paper's authors trained theirs; images are judged one by one, where CViT "
        "takes the frames of a video together",
    ),
}
"""By name of the assembly."""
