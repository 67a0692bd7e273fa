"""Record ids: 15 characters that tell upper from lower case, or the same with a 3-character checksum of the case."""

from __future__ import annotations

from itertools import count

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "Ac0"
_SHORT, _LONG = 15, 18


class IdSequence:
    """Give out ids of 18 characters, in order, per key prefix (`001` Account, `006` Opportunity …)."""

    def __init__(self) -> None:
        self._counters: dict[str, count[int]] = {}

    def next(self, prefix: str) -> str:
        """Return the next id of the prefix."""
        number = next(self._counters.setdefault(prefix, count(1)))
        digits = ""
        for _ in range(_SHORT - len(prefix) - len(_POD)):
            number, digit = divmod(number, len(_DIGITS))
            digits = _DIGITS[digit] + digits
        return with_checksum(prefix + _POD + digits)


def with_checksum(short: str) -> str:
    """Return the 18-character form of a 15-character id."""
    chunks = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(_CHECK[sum(c.isupper() << place for place, c in enumerate(chunk))] for chunk in chunks)


def long_form(given: str) -> str | None:
    """Return the 18-character form of either form, or None when it is no id.

    The long form may arrive in any case: its checksum restores the case of the first 15 characters.
    """
    if not given.isalnum() or not given.isascii():
        return None
    if len(given) == _SHORT:
        return with_checksum(given)
    if len(given) != _LONG or any(c not in _CHECK for c in given[_SHORT:].upper()):
        return None
    bits = [_CHECK.index(c) for c in given[_SHORT:].upper()]
    restored = (c.upper() if bits[n // 5] >> n % 5 & 1 else c.lower() for n, c in enumerate(given[:_SHORT]))
    return with_checksum("".join(restored))
