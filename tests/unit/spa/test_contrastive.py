from types import SimpleNamespace

import pytest
import torch

from mfclip_spa import CrossModalLoss, Similarity, contrastive_loss


def test_of_logits_is_the_mean_cross_entropy_both_ways():
    v2l, l2v = torch.randn(2, 4, 4, dtype=torch.float64)
    expected = (
        -(v2l.softmax(1).diagonal().log().mean() + l2v.softmax(1).diagonal().log().mean()) / 2
    )
    torch.testing.assert_close(contrastive_loss(Similarity(v2l, l2v)), expected)


def test_of_log_weights_reads_the_diagonal_as_it_is():
    v2l = torch.tensor([[-1.0, 9.0], [9.0, -3.0]])
    l2v = torch.tensor([[-5.0, 9.0], [9.0, -7.0]])
    assert contrastive_loss(Similarity(v2l, l2v, normalised=True)).item() == 4.0


def test_one_pair_has_nothing_to_tell_apart():
    assert contrastive_loss(Similarity(torch.ones(1, 1), torch.ones(1, 1))).item() == 0


def test_refuses_matrices_that_are_not_square():
    with pytest.raises(ValueError, match=r"must be square, received \(2, 3\)"):
        contrastive_loss(Similarity(torch.ones(2, 3), torch.ones(3, 2)))


def test_loss_module_reads_the_outputs():
    similarity = Similarity(torch.eye(3), torch.eye(3))
    outputs = SimpleNamespace(similarity=similarity)
    assert CrossModalLoss()(outputs, None) == contrastive_loss(similarity)


def test_loss_module_says_what_is_missing():
    with pytest.raises(ValueError, match="no similarity; the detector needs an alignment"):
        CrossModalLoss()(SimpleNamespace(similarity=None), None)
