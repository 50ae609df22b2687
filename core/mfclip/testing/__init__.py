"""The public conformance suite: does a part keep the contract of its kind?

One call, without any test framework::

    from mfclip.testing import check_part

    check_part(AcmeVit(depth=2))

Or one pytest case for each check::

    from mfclip.testing import parametrize_parts

    @parametrize_parts(AcmeVit, AcmeVit(depth=2))
    def test_contract(check):
        check()

Importing this package loads neither torch nor pytest.
"""

from mfclip.testing.check import Check, ConformanceError
from mfclip.testing.parametrize import parametrize_parts
from mfclip.testing.suite import check_part, part_checks

__all__ = ["Check", "ConformanceError", "check_part", "parametrize_parts", "part_checks"]
