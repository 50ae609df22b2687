import torch

from mfclip_vision.blocks import Attention, Block, ClassTokenTransformer


def test_attention_is_the_formula_with_the_full_width_in_its_scale():
    torch.manual_seed(0)
    attention = Attention(12, heads=3).double()
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    query, key, value = attention.qkv(x).chunk(3, dim=-1)
    heads = []
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        weights = (query[..., part] @ key[..., part].mT * 12**-0.5).softmax(-1)
        heads.append(weights @ value[..., part])
    torch.testing.assert_close(attention(x), attention.out(torch.cat(heads, dim=-1)))


def test_a_block_normalises_first_and_adds_its_input():
    block = Block(8, heads=2, mlp=16)
    x = torch.randn(2, 3, 8)
    middle = x + block.attention(block.attention_norm(x))
    torch.testing.assert_close(block(x), middle + block.mlp(block.mlp_norm(middle)))
    for layer in (block.attention.out, block.mlp[-1]):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    assert torch.equal(block(x), x)


def test_positions_belong_to_tokens_not_to_places_in_the_batch():
    transformer = ClassTokenTransformer(tokens=3, width=8, depth=1, heads=2, mlp=16)
    assert transformer.position.shape == (1, 4, 8)
    torch.nn.init.normal_(transformer.position)
    x = torch.randn(5, 3, 8)
    out = transformer(x)
    assert out.shape == (5, 8)
    torch.testing.assert_close(transformer(x.flip(0)), out.flip(0))
    assert (transformer(x.flip(1)) - out).abs().max() > 1e-3


def test_the_class_token_reads_the_others():
    transformer = ClassTokenTransformer(tokens=1, width=8, depth=1, heads=2, mlp=16)
    x = torch.randn(2, 1, 8)
    assert (transformer(x) - transformer(x + torch.randn(8))).abs().max() > 1e-3
