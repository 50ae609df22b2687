"""Both parts are held to mfclip's contract."""

from acme_localiser.parts import AcmeLocaliser, AcmeMask

from mfclip.testing import parametrize_parts


@parametrize_parts(AcmeLocaliser, AcmeMask)
def test_the_contract(check) -> None:
    """One case a check and part."""
    check()
