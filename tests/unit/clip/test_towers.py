import torch

from mfclip_clip.towers import MEAN, STD


def test_image_encoder_is_open_clips_on_normalised_images(
    build_image, open_clip_model, open_clip_file, images
):
    mean, std = (torch.tensor(x)[None, :, None, None] for x in (MEAN, STD))
    expected = open_clip_model.encode_image((images - mean) / std)
    torch.testing.assert_close(build_image(weights=open_clip_file)(images), expected)


def test_normalisation_is_open_clips_own():
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    assert MEAN == OPENAI_DATASET_MEAN
    assert STD == OPENAI_DATASET_STD


def test_text_encoder_is_the_mean_of_open_clips_sentences(
    build_text, open_clip_model, open_clip_file, tokens
):
    sentences = [open_clip_model.encode_text(tokens[:, s]) for s in range(3)]
    expected = torch.stack(sentences).mean(0)
    torch.testing.assert_close(build_text(weights=open_clip_file)(tokens), expected)


def test_cut_sentences_give_the_values_and_gradients_of_the_whole(build_text, tokens):
    encoder = build_text().double()
    whole = encoder.tower(tokens.flatten(0, 1)).view(2, 3, -1).mean(1)
    mine = encoder(tokens)
    torch.testing.assert_close(mine, whole, rtol=1e-10, atol=1e-12)
    weights = torch.linspace(-1, 1, mine.numel()).view_as(mine)
    parameters = list(encoder.parameters())
    for one, other in zip(
        torch.autograd.grad((mine * weights).sum(), parameters),
        torch.autograd.grad((whole * weights).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_embeddings_do_not_depend_on_the_batch(build_image, build_text, images, tokens):
    image, text = build_image().double(), build_text().double()
    alone = torch.cat([image(one[None].double()) for one in images])
    torch.testing.assert_close(image(images.double()), alone, rtol=1e-10, atol=1e-12)
    alone = torch.cat([text(one[None]) for one in tokens])
    torch.testing.assert_close(text(tokens), alone, rtol=1e-10, atol=1e-12)


def test_every_sentence_moves_the_text(build_text, tokens):
    encoder = build_text()
    for sentence in range(3):
        changed = tokens.clone()
        changed[:, sentence, 1] = 11
        assert (encoder(changed) - encoder(tokens)).abs().max() > 1e-4


def test_normalisation_constants_are_not_weights(build_image):
    assert not {"mean", "std"} & set(build_image().state_dict())
