import pytest
import torch
from torch import Tensor

from mfclip_text.encoder import FineGrainedLanguageEncoder, read_out_positions


def uncut(encoder: FineGrainedLanguageEncoder, tokens: Tensor) -> Tensor:
    """The encoder as the paper gives it: all 77·S tokens through every block, then the read-out."""
    x = encoder.words(tokens.flatten(1)) + encoder.positions
    for block in encoder.blocks:
        x = block(x)
    x = encoder.norm(x)
    ends = (tokens == 49407).flatten(1)
    return torch.stack([row[end.nonzero().max()] for row, end in zip(x, ends, strict=True)])


def gradients(encoder: FineGrainedLanguageEncoder, text: Tensor) -> dict[str, Tensor]:
    """Of a function that weighs every number of the text differently."""
    weights = torch.linspace(-1, 1, text.numel(), dtype=text.dtype).view_as(text)
    names, parameters = zip(*encoder.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad((text * weights).sum(), parameters), strict=True))


def test_cut_sequence_gives_the_values_and_gradients_of_the_whole(encoder, tokens):
    text, whole = encoder(tokens), uncut(encoder, tokens)
    torch.testing.assert_close(text, whole, rtol=1e-12, atol=1e-12)
    mine, theirs = gradients(encoder, text), gradients(encoder, whole)
    for name in theirs:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-11, atol=1e-12)


def test_distinct_prompts_gathered_give_the_values_and_gradients_of_all(encoder, tokens):
    prompt = torch.tensor([0, 2, 0, 0, 3, 2, 1, 0])
    all_rows, gathered = encoder(tokens[prompt]), encoder(tokens)[prompt]
    torch.testing.assert_close(gathered, all_rows, rtol=1e-12, atol=1e-12)
    mine, theirs = gradients(encoder, gathered), gradients(encoder, all_rows)
    for name in theirs:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_level_moves_the_text(encoder, tokenise, sentences, level):
    """Read out at the first sentence's end, levels 2 to 4 would change nothing at all."""
    real, fake = sentences[0], sentences[1]
    changed = tuple(fake[i] if i == level else real[i] for i in range(4))
    before, after = encoder(tokenise([real, changed]))
    assert (before - after).abs().max() > 1e-4


def test_padding_between_the_end_of_text_and_the_read_out_of_others_does_not_count(encoder, tokens):
    """Only what precedes the read-out is seen; the last sentence's padding is not."""
    padded = tokens.clone()
    padded[0, -1, 40:] = 7
    torch.testing.assert_close(encoder(padded), encoder(tokens), rtol=1e-12, atol=1e-12)


def test_a_prompt_does_not_depend_on_its_batch(encoder, tokens):
    together = encoder(tokens)
    backwards = encoder(tokens.flip(0)).flip(0)
    alone = torch.cat([encoder(row[None]) for row in tokens])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(together, backwards, rtol=1e-12, atol=1e-12)


def test_positions_belong_to_tokens(encoder, tokens):
    """Without them, sentences 2 and 3 could hardly be told from 3 and 2."""
    assert encoder.positions.shape == (1, 308, 8)
    swapped = tokens[:, [0, 2, 1, 3]]
    assert (encoder(swapped) - encoder(tokens)).abs().max() > 1e-4


def test_read_out_is_the_last_end_of_text(tokens):
    positions = read_out_positions(tokens)
    flat = tokens.flatten(1)
    assert (positions >= 3 * 77).all()
    for row, position in zip(flat, positions, strict=True):
        assert row[position] == 49407
        assert not (row[position + 1 :] == 49407).any()


def test_any_number_of_sentences():
    tokens = torch.ones(3, 2, 77, dtype=torch.int64)
    tokens[:, :, 5] = 49407
    encoder = FineGrainedLanguageEncoder(sentences=2, width=4, heads=1, layers=1, mlp=4)
    assert encoder.positions.shape == (1, 154, 4)
    assert encoder(tokens).shape == (3, 4)


@pytest.mark.parametrize("shape", [(3, 2, 77), (3, 4, 76), (3, 308)])
def test_other_shapes_are_refused(encoder, shape):
    with pytest.raises(ValueError, match=r"\(prompts, 4, 77\), received"):
        encoder(torch.ones(shape, dtype=torch.int64))
