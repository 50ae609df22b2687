"""Recipes become detectors and loss terms; a part that fails is named."""

import pytest
import torch
from torch import nn

from mfclip.detector.assemble import assemble, labels, losses
from mfclip.detector.whole import PluginDetector
from mfclip.errors import MissingExtraError, PluginError, UsageError


def changed(recipe, **values):
    return recipe.model_copy(update=values)


def test_every_part_of_the_recipe_is_in_the_detector(recipe, prompts):
    detector = assemble(recipe, prompts)
    names = [name for name, _ in detector.named_children()]
    assert names == ["vision", "head", "text", "predictor", "alignment"]
    assert torch.equal(detector.tokens, prompts.tokens)
    assert not detector.normalise
    assert detector.head.norm is None


def test_without_text_there_is_only_the_visual_side(recipe):
    detector = assemble(changed(recipe, text=None, alignment=None), None)
    assert [name for name, _ in detector.named_children()] == ["vision", "head"]


def test_the_text_side_can_be_left_out(recipe, prompts):
    detector = assemble(recipe, None, text_side=False)
    assert [name for name, _ in detector.named_children()] == ["vision", "head"]


def test_no_predictor_where_no_loss_reads_it(recipe, prompts):
    assert assemble(changed(recipe, loss=()), prompts).predictor is None


def test_one_seed_gives_the_same_visual_side_with_and_without_text(recipe, prompts):
    torch.manual_seed(3)
    full = assemble(recipe, prompts)
    torch.manual_seed(3)
    visual = assemble(changed(recipe, text=None, alignment=None), None)
    for name, weight in visual.state_dict().items():
        assert torch.equal(weight, full.state_dict()[name]), name


def test_parts_are_told_of_their_surroundings(recipe, prompts, parts):
    told = []

    class Curious(parts["TinyVision"]):
        def build(self, context):
            told.append(context)
            return super().build(context)

    assemble(changed(recipe, vision=Curious()), prompts, pretrained=False)
    context = told[0]
    assert (context.image_size, context.sentences, context.prompts) == (16, 2, 3)
    assert not context.pretrained


def test_a_whole_detector_is_wrapped(recipe, parts):
    detector = assemble(
        changed(recipe, vision=None, text=None, detector=parts["TinyDetector"]()), None
    )
    assert isinstance(detector, PluginDetector)
    assert detector(torch.rand(2, 3, 8, 8)).logits.shape == (2, 2)


def test_a_failing_build_names_part_kind_schema_and_cause(recipe, prompts, parts):
    broken = changed(recipe, vision=parts["TinyVision"](fails=True))
    with pytest.raises(PluginError) as caught:
        assemble(broken, prompts)
    text = str(caught.value)
    assert "vision: encoder 'tiny-vision' (" in text
    assert "TinyVision) could not be built: ZeroDivisionError: no luck today" in text
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_errors_of_the_framework_keep_their_kind(recipe, prompts, parts):
    class Wanting(parts["TinyVision"]):
        def build(self, context):
            raise MissingExtraError("tiny-vision", "tiny")

    with pytest.raises(MissingExtraError):
        assemble(changed(recipe, vision=Wanting()), prompts)


def test_a_build_that_gives_no_module_is_refused(recipe, parts):
    unfit = changed(recipe, vision=None, detector=parts["TinyDetector"](unfit=True))
    with pytest.raises(
        PluginError, match=r"built a value of type str; expected a torch\.nn\.Module"
    ):
        assemble(unfit, None)


def test_a_text_encoder_needs_prompts(recipe):
    with pytest.raises(UsageError, match="prompt table"):
        assemble(recipe, None)


def test_a_recipe_without_anything_to_build_is_refused(recipe):
    with pytest.raises(UsageError, match="neither `vision` nor `detector`"):
        assemble(changed(recipe, vision=None), None)


def test_loss_terms_keep_order_and_weight_and_get_distinct_names(recipe):
    terms = losses(recipe)
    assert [(term.name, term.weight) for term in terms] == [("tiny-loss", 1), ("tiny-loss#2", 0.5)]
    assert all(isinstance(term.module, nn.MSELoss) for term in terms)


def test_labels_name_parts_inside_parts(recipe):
    found = labels(recipe)
    assert {"vision", "vision.noise", "text", "prompts", "alignment", "loss.1"} <= found.keys()
    assert found["vision.noise"].startswith("vision.noise: encoder 'tiny-noise' (")
