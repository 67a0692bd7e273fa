"""Named get/put pairs: how one vendor value becomes ours and how ours becomes the vendor's again.

A transform sees single values only; where they come from and go to is the declaration's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from accordant.kernel import ExternalId, Money, exponent_of

_SIXTY = Decimal(60)
_HUNDRED = Decimal(100)
_HOURS_QUANTUM = Decimal("0.000001")
_MINUTE_TOLERANCE = Decimal("0.0001")
_CLOCK = re.compile(r"(-?)(\d+):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Transform:
    """A pair of functions that undo each other.

    Args:
        get: takes the vendor's values, one per path of `from` (the first is never None), gives ours; raises
            ValueError when the vendor's value has no meaning. None counts as missing.
        put: takes our value, gives the vendor's: one value, or a tuple with one value per path (None: not written).
    """

    get: Callable[..., Any]
    put: Callable[[Any], Any]


class Resolver(Protocol):
    """Find the vendor's id of a canonical object."""

    def __call__(self, reference: str, type_: str) -> str:
        """Return the value of the external id of that vendor object type."""
        ...


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to another record of the same system.

    Args:
        type: the vendor's object type.
        number: the vendor writes its ids as JSON numbers.
    """

    type: str
    number: bool = False

    def getter(self, system: str) -> Callable[[Any], str | None]:
        """Return what turns a vendor id into the text of an ExternalId."""
        prefix = f"{system}/{self.type}/"

        def get(value: Any) -> str | None:
            if type(value) is not str and type(value) is not int:
                raise ValueError(f"an id is text or a whole number, not {type(value).__name__}")
            return f"{prefix}{value}" if value != "" else None

        return get

    def put(self, reference: str, resolve: Resolver | None) -> str | int:
        """Return the vendor id; without a resolver the reference must be the text of an ExternalId of our type."""
        if resolve is not None:
            value = resolve(reference, self.type)
        else:
            external = ExternalId.parse(reference)
            if external.type != self.type:
                raise ValueError(f"{reference} is not a {self.type}")
            value = external.value
        return int(value) if self.number else value


def _exact(value: Any) -> Decimal | None:
    if type(value) is Decimal:
        return value
    if type(value) is int or (type(value) is str and value != ""):
        return Decimal(value)
    if value == "":
        return None
    raise ValueError(f"not an exact number but {type(value).__name__}: decode JSON with parse_float=Decimal")


def _same(value: Any) -> Any:
    return value


def _date(format: str | None = None) -> Transform:
    """Civil date, ISO unless `format` (strptime) is given; an instant counts only at midnight."""
    if format is not None:
        return Transform(
            lambda text: datetime.strptime(text, format).date() if text else None,  # noqa: DTZ007 - a civil date
            lambda day: day.strftime(format),
        )

    def get(text: str) -> date | None:
        if len(text) == 10:
            return date.fromisoformat(text)
        if not text:
            return None
        moment = datetime.fromisoformat(text)
        if moment.time() != time(0):
            raise ValueError("an instant inside a day is no civil date: say which zone decides")
        return moment.date()

    return Transform(get, date.isoformat)


def _instant(zone: str | None = None, *, epoch: str | None = None) -> Transform:
    """Instant in UTC; `zone` names the zone of naive values, `epoch: s | ms` reads numbers since 1970."""
    if epoch is not None:
        return _epoch({"s": 1, "ms": 1000}[epoch])
    source = ZoneInfo(zone) if zone else None

    def get(text: str) -> datetime | None:
        if not text:
            return None
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC:
            return moment
        if moment.tzinfo is None:
            if source is None:
                raise ValueError("an instant without offset: declare its zone")
            moment = moment.replace(tzinfo=source)
        return moment.astimezone(UTC)

    def put(moment: datetime) -> str:
        if source is not None:
            return moment.astimezone(source).replace(tzinfo=None).isoformat()
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

    return Transform(get, put)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _epoch(per_second: int) -> Transform:
    """Instant as a whole number of units since 1970."""
    unit = timedelta(microseconds=1_000_000 // per_second)
    return Transform(lambda number: _EPOCH + int(number) * unit, lambda moment: (moment - _EPOCH) // unit)


def _decimal(form: str = "number") -> Transform:
    """Exact number; `decimal: text` writes it as text."""
    return Transform(_exact, {"number": _same, "text": lambda number: format(number, "f")}[form])


def _int() -> Transform:
    def get(value: Any) -> int | None:
        number = _exact(value)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise ValueError("not a whole number")
        return int(number)

    return Transform(get, _same)


def _text() -> Transform:
    """Text; a number becomes its digits, empty text counts as missing."""

    def get(value: Any) -> str | None:
        if type(value) is str:
            return value or None
        if type(value) is int or type(value) is Decimal:
            return str(value)
        raise ValueError(f"not text but {type(value).__name__}")

    return Transform(get, str)


def _bool(words: Mapping[bool, Any] | None = None) -> Transform:
    """Truth; `bool: {true: T, false: F}` names the vendor's words for it."""
    words = {True: True, False: False} if words is None else words
    if set(words) != {True, False}:
        raise ValueError("say both words: `bool: {true: T, false: F}`")
    return _choice({words[True]: True, words[False]: False})


def _choice(values: Mapping[Any, Any], *, otherwise: Any = None) -> Transform:
    """The vendor's words to ours; where several mean the same, the first is written.

    A word that is not listed raises, unless `otherwise` says what it means.
    """
    words = dict(values)
    back: dict[Any, Any] = {}
    for theirs, ours in words.items():
        back.setdefault(ours, theirs)

    def get(value: Any) -> Any:
        try:
            return words[value]
        except KeyError:
            if otherwise is not None:
                return otherwise
            raise ValueError(f"{value!r} is not one of {', '.join(map(str, words))}") from None

    def put(value: Any) -> Any:
        try:
            return back[value]
        except KeyError:
            raise ValueError(f"{value!r} has no word in the vendor's system") from None

    return Transform(get, put)


def _money(currency: str | None = None) -> Transform:
    """Amount and currency from two paths, or one path and a fixed currency: `as: {money: GBP}`."""

    def get(amount: Any, theirs: Any = currency) -> dict[str, Any] | None:
        exact = _exact(amount)
        return None if exact is None else {"amount": exact, "currency": theirs}

    def put(money: Money) -> Any:
        if currency is None:
            return money.amount, money.currency
        _require_currency(money, currency)
        return money.amount

    return Transform(get, put)


def _money_minor(currency: str | None = None) -> Transform:
    """Minor units: paths are [units, currency] or [units, currency, base unit].

    Without a base unit ISO 4217 says how many minor units make one; the base unit is the vendor's own word for
    that number (100 for GBP, 1 for JPY) and is read only.
    """

    def get(units: Any, theirs: Any = currency, *base_unit: Any) -> dict[str, Any] | None:
        exact = _exact(units)
        if exact is None:
            return None
        amount = exact / Decimal(base_unit[0]) if base_unit else exact.scaleb(-exponent_of(theirs))
        return {"amount": amount, "currency": theirs}

    def put(money: Money) -> Any:
        if currency is None:
            return money.minor, money.currency, None
        _require_currency(money, currency)
        return money.minor

    return Transform(get, put)


def _require_currency(money: Money, currency: str) -> None:
    if money.currency != currency:
        raise ValueError(f"the vendor's field is in {currency}, not in {money.currency}")


def _hours_of(minutes: Decimal) -> Decimal:
    # Six decimals are 4 ms: far below any minor unit of any rate, and stable through storage.
    return (minutes / _SIXTY).quantize(_HOURS_QUANTUM).normalize() + 0


def _minutes_of(hours: Decimal) -> int:
    exact = hours * _SIXTY
    whole = exact.to_integral_value()
    if abs(exact - whole) > _MINUTE_TOLERANCE:
        raise ValueError(f"{hours} hours are not a whole number of minutes")
    return int(whole)


def _minutes() -> Transform:
    """Whole minutes there, Decimal hours here (six decimals)."""

    def get(value: Any) -> Decimal | None:
        minutes = _exact(value)
        return None if minutes is None else _hours_of(minutes)

    return Transform(get, _minutes_of)


def _hours_minutes() -> Transform:
    """Clock text `1:30` there, Decimal hours here."""

    def get(text: str) -> Decimal | None:
        if not text:
            return None
        parts = _CLOCK.fullmatch(text)
        if parts is None:
            raise ValueError("not in the form h:mm")
        minutes = int(parts[2]) * 60 + int(parts[3])
        return _hours_of(Decimal(-minutes if parts[1] else minutes))

    def put(hours: Decimal) -> str:
        minutes = _minutes_of(hours)
        return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"

    return Transform(get, put)


def _percent() -> Transform:
    """15 there, the rate 0.15 here."""

    def get(value: Any) -> Decimal | None:
        number = _exact(value)
        return None if number is None else number / _HUNDRED

    return Transform(get, lambda rate: rate * _HUNDRED)


BUILT_IN: Mapping[str, Callable[..., Transform | Ref]] = {
    "bool": _bool,
    "choice": _choice,
    "date": _date,
    "decimal": _decimal,
    "hours_minutes": _hours_minutes,
    "instant": _instant,
    "int": _int,
    "minutes": _minutes,
    "money": _money,
    "money_minor": _money_minor,
    "percent": _percent,
    "ref": Ref,
    "text": _text,
}
