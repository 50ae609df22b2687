from __future__ import annotations

import pytest

from mfclip.errors import UsageError
from mfclip.hookspecs import HOOKS
from mfclip.parts import BASES, KINDS
from mfclip.scaffold.kinds import TEMPLATES, template_of


def test_every_kind_has_a_template():
    assert tuple(TEMPLATES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_knows_its_hook_and_its_base(kind):
    template = template_of(kind)
    assert HOOKS[template.hook] == kind
    assert BASES[kind].__name__ == template.base


def test_an_unknown_kind_is_told_with_the_nearest_and_all():
    with pytest.raises(UsageError) as caught:
        template_of("encodr")
    assert str(caught.value) == (
        "no kind of part is called 'encodr'; did you mean 'encoder'?\n"
        "    kinds: encoder, prompts, alignment, loss, detector, dataset, corruption, input, "
        "pseudo-fake, locator"
    )


def test_the_command_names_every_kind():
    from mfclip.cli.new_plugin import KINDS as named

    assert named == "|".join(KINDS)
