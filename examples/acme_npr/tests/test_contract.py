"""The detector is held to mfclip's contract, with its authors' settings and with others."""

from mfclip.testing import parametrize_parts

from acme_npr.parts import AcmeNpr


@parametrize_parts(AcmeNpr, AcmeNpr(window=3, channels=4))
def test_the_contract(check) -> None:
    """One case a check and part."""
    check()
