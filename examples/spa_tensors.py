"""Sample pair attention on bare tensors: two small encoders learn to match pairs.

Run it with torch alone: ``python examples/spa_tensors.py``
"""

import torch
from torch import nn

from mfclip_spa import SamplePairAttention, load_gate, save_gate, spa_loss

torch.manual_seed(0)
seen = torch.randn(32, 20)  # what both kinds of a pair have in common
images, texts = seen @ torch.randn(20, 48), seen @ torch.randn(20, 16)

image_encoder, text_encoder = nn.Linear(48, 8), nn.Linear(16, 8)
spa = SamplePairAttention(max_batch=32)
model = nn.ModuleList([image_encoder, text_encoder, spa])
adam = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(101):
    # In blocks of 8 rows, so that no whole matrix of 32 x 32 is kept.
    loss = spa_loss(image_encoder(images), text_encoder(texts), spa, chunk=8)
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.3f}")

gate = spa.pairs.weight.sigmoid().detach()
true = gate.diagonal().mean()
others = (gate.sum() - gate.diagonal().sum()) / (gate.numel() - len(gate))
print(f"gate of true pairs {true:.3f}, of the others {others:.3f}")
save_gate(spa, "spa.safetensors")
assert torch.equal(load_gate("spa.safetensors").pairs.weight, spa.pairs.weight)
