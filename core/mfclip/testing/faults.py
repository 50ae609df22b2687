"""How a check says what is wrong with a part."""

from __future__ import annotations


class Fault(Exception):
    """One breach of a contract; a check raises it and the suite adds the check's name.

    Parameters
    ----------
    what
        What is wrong.
    received
        What the part did.
    expected
        What its contract asks for.
    advice
        What to do about it.
    """

    def __init__(
        self, what: str, *, received: object = None, expected: str = "", advice: str = ""
    ) -> None:
        told = [what]
        told += [f"received {received}"] if received is not None else []
        told += [f"expected {expected}"] if expected else []
        told += [advice] if advice else []
        super().__init__("; ".join(told))
