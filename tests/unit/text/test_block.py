import torch

from mfclip_text.block import CausalBlock


def block_and_tokens() -> tuple[CausalBlock, torch.Tensor]:
    return CausalBlock(8, 2, 16).double(), torch.randn(2, 5, 8, dtype=torch.float64)


def test_equals_torchs_own_pre_norm_layer():
    block, x = block_and_tokens()
    layer = torch.nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0, activation="gelu", norm_first=True, batch_first=True
    ).double()
    names = {
        "self_attn.in_proj_": "qkv.",
        "self_attn.out_proj.": "projection.",
        "linear1.": "mlp.0.",
        "linear2.": "mlp.2.",
        "norm1.": "attention_norm.",
        "norm2.": "mlp_norm.",
    }
    mine = block.state_dict()
    layer.load_state_dict(
        {t + kind: mine[m + kind] for t, m in names.items() for kind in ("weight", "bias")}
    )
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    torch.testing.assert_close(block(x), layer(x, src_mask=mask, is_causal=True))


def test_a_token_sees_none_after_it():
    block, x = block_and_tokens()
    later = x.clone()
    later[:, 3] += torch.arange(8)  # a constant is what the normalisation takes out again
    moved = (block(later) - block(x)).abs().amax(dim=(0, 2))
    assert (moved[:3] == 0).all()
    assert (moved[3:] > 0).all()
