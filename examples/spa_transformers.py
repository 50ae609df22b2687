"""Sample pair attention on a CLIP of transformers. The model is tiny, so that nothing is loaded.

``python examples/spa_transformers.py``. For a real one: CLIPModel.from_pretrained(...).
"""

import torch
from transformers import CLIPConfig, CLIPModel

from mfclip_spa import attach

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
TEXT = {"vocab_size": 99, "bos_token_id": 97, "eos_token_id": 98, "max_position_embeddings": 8}
VISION = {"image_size": 32, "patch_size": 8}

torch.manual_seed(0)
config = CLIPConfig(text_config=SMALL | TEXT, vision_config=SMALL | VISION, projection_dim=16)
model = CLIPModel(config)
texts = torch.tensor([[97, 3, 4, 98], [97, 5, 6, 98]])  # "a real face", "a fake face"

attach(model, prompts=texts)  # A[class of i, class of j]; before the optimiser is made

adam = torch.optim.Adam(model.parameters(), lr=1e-3)
label = torch.arange(12) % 2
images = torch.randn(12, 3, 32, 32) + label[:, None, None, None]
for step in range(21):
    loss = model(input_ids=texts[label], pixel_values=images, return_loss=True).loss
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % 10 == 0:
        print(f"step {step:2}  loss {loss.item():.3f}")
print("gate by class:", model.spa.pairs.weight.sigmoid().detach())

model.save_pretrained("clip-with-spa")  # the gate goes along
again = CLIPModel.from_pretrained("clip-with-spa")
attach(again, weights="clip-with-spa")
assert torch.equal(again.spa.pairs.weight, model.spa.pairs.weight)
