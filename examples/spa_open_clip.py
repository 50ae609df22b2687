"""Sample pair attention on a CLIP of open_clip, whose loss it takes the place of.

``python examples/spa_open_clip.py``. For a real one: open_clip.create_model(...).
In open_clip's own training, give the loss to ``train_one_epoch`` in the same way.
"""

import open_clip
import torch

from mfclip_spa import SpaClipLoss, attach

torch.manual_seed(0)
model = open_clip.CLIP(
    embed_dim=16,
    vision_cfg={"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 8},
    text_cfg={"context_length": 8, "vocab_size": 99, "width": 32, "heads": 4, "layers": 2},
    output_dict=True,
)

attach(model, max_batch=12)  # A[place of i, place of j], as in the paper
criterion = SpaClipLoss(model)

adam = torch.optim.Adam(model.parameters(), lr=1e-3)
images, texts = torch.randn(12, 3, 32, 32), torch.randint(1, 99, (12, 8))
for step in range(21):
    loss = criterion(**model(images, texts))
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % 10 == 0:
        print(f"step {step:2}  loss {loss.item():.3f}")
gate = model.spa.pairs.weight.sigmoid().detach()
print(f"gate of true pairs {gate.diagonal().mean():.4f}, of all pairs {gate.mean():.4f}")
