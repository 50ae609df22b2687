import pytest
import torch

from mfclip_spa.adapters.attached import AttachedGate

KNOWN = torch.tensor([[1, 2, 9, 9], [1, 3, 2, 9], [4, 9, 9, 9]])


def test_finds_the_class_of_each_text():
    gate = AttachedGate(prompts=KNOWN)
    assert gate.class_of(KNOWN[[2, 0, 0, 1]]).tolist() == [2, 0, 0, 1]
    assert gate.settings["classes"] == 3


def test_shorter_and_longer_padding_is_the_same_text():
    gate = AttachedGate(prompts=KNOWN)
    assert gate.class_of(KNOWN[[2, 0], :3]).tolist() == [2, 0]
    longer = torch.cat([KNOWN, KNOWN[:, -1:], KNOWN[:, -1:]], 1)
    assert gate.class_of(longer).tolist() == [0, 1, 2]


def test_unknown_text_is_named():
    with pytest.raises(ValueError, match="text of pair 1 is none of the 3 prompts"):
        AttachedGate(prompts=KNOWN).class_of(torch.tensor([[4, 9, 9, 9], [5, 9, 9, 9]]))


def test_other_forms_know_no_texts():
    with pytest.raises(ValueError, match="not indexed by text"):
        AttachedGate(4).class_of(KNOWN)


def test_texts_must_be_distinct_token_ids():
    with pytest.raises(ValueError, match=r"integers of shape \(K, length\); received torch.float"):
        AttachedGate(prompts=KNOWN.float())
    with pytest.raises(ValueError, match=r"received torch.int64 of shape \(4,\)"):
        AttachedGate(prompts=KNOWN[0])
    with pytest.raises(ValueError, match="one of the texts is in there twice"):
        AttachedGate(prompts=KNOWN[[0, 1, 0]])


def test_texts_travel_with_the_weights():
    assert set(AttachedGate(prompts=KNOWN).state_dict()) == {"known", "pairs.weight"}
