"""How numbers, money and time are written; pure text, see the visual language, section 6."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from accordant.kernel import Money, exponent_of

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥"}
_DOLLARS = frozenset({"AUD", "CAD", "HKD", "NZD", "SGD"})


def amount(money: Money) -> str:
    """Write an amount without its currency, at the minor unit.

    >>> amount(Money.of("-1234.5", "GBP"))
    '−1,234.50'
    """
    return number(money.rounded().amount, exponent_of(money.currency))


def number(value: Decimal | int, decimals: int = 0) -> str:
    """Write a number with comma for thousands and a true minus.

    >>> number(-1212)
    '−1,212'
    """
    return f"{value:,.{decimals}f}".replace("-", "−")


def say_money(money: Money, currencies: Collection[str] = ()) -> str:
    """Write an amount in a sentence: by symbol, and without decimals when it is whole.

    >>> say_money(Money.of("1480700", "GBP")), say_money(Money.of("31150.50", "GBP"))
    ('£1,480,700', '£31,150.50')
    >>> say_money(Money.of("12", "USD"), ["USD", "CAD"])
    'USD 12'
    """
    symbol = _SYMBOLS.get(money.currency)
    if symbol is None or (symbol == "$" and _DOLLARS & set(currencies)):
        symbol = f"{money.currency} "
    rounded = money.rounded().amount
    decimals = 0 if rounded == rounded.to_integral_value() else exponent_of(money.currency)
    sign = "−" if rounded < 0 else ""
    return f"{sign}{symbol}{abs(rounded):,.{decimals}f}"


def short_amount(value: Decimal | int) -> str:
    """Write an amount for an axis or a chart label.

    >>> [short_amount(v) for v in (965_669, 1_310_000, 420, 0)]
    ['965.7k', '1.3m', '420', '0']
    """
    exact = Decimal(value)
    if abs(exact) >= 1_000_000:
        return f"{exact / 1_000_000:,.1f}m"
    if abs(exact) >= 1_000:
        return f"{exact / 1_000:,.1f}k".replace(".0k", "k")
    return f"{exact:,.0f}"


def percent(part: Decimal | int, whole: Decimal | int, decimals: int = 0) -> str:
    """Write a share; an empty whole has none.

    >>> percent(1, 3, 1), percent(1, 0)
    ('33.3 %', '')
    """
    return "" if not whole else f"{Decimal(part) * 100 / Decimal(whole):.{decimals}f} %"


def day(value: date | datetime | None, *, year: bool = True) -> str:
    """Write a civil day.

    >>> day(date(2026, 11, 27)), day(date(2026, 11, 3), year=False)
    ('27 Nov 2026', '3 Nov')
    """
    if value is None:
        return ""
    return f"{value.day} {value:%b %Y}" if year else f"{value.day} {value:%b}"


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Write an instant in a zone: `12 Jun 2026 16:20`."""
    if value is None:
        return ""
    local = value.astimezone(zone)
    return f"{day(local)} {local:%H:%M}"


def clock_time(value: datetime, zone: ZoneInfo) -> str:
    """Write the time of day of an instant in a zone: `16:20`."""
    return f"{value.astimezone(zone):%H:%M}"


def span(value: timedelta) -> str:
    """Write a span with one unit, two where that matters.

    >>> [span(timedelta(seconds=s)) for s in (4, 47 * 60, 31 * 3600, 100 * 3600)]
    ['4 s', '47 min', '31 h', '4 d']
    """
    seconds = int(abs(value.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"


def age(since: datetime, now: datetime) -> str:
    """Write how long ago something was: `47 min`."""
    return span(now - since)


def due(deadline: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """Write a deadline: day, time and what is left: `Fri 17:00 · 31 h`; `27 Nov · 9 d` when it is far.

    >>> due(None, datetime(2026, 11, 26), ZoneInfo("UTC"))
    'No cut-off'
    """
    if deadline is None:
        return "No cut-off"
    local, left = deadline.astimezone(zone), deadline - now
    if left < timedelta(0):
        return f"{day(local, year=False)} {local:%H:%M} · {span(left)} late"
    if left < timedelta(days=7):
        return f"{local:%a %H:%M} · {span(left)}"
    return f"{day(local, year=False)} · {span(left)}"


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun.

    >>> plural(1, "case"), plural(3, "case"), plural(2, "entry", "entries")
    ('1 case', '3 cases', '2 entries')
    """
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def initials(name: str) -> str:
    """Return the two letters of a person.

    >>> initials("Mara Ellinsky"), initials("Juno")
    ('ME', 'J')
    """
    parts = name.split()
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()


def readable(code: str) -> str:
    """Write a stable name in words.

    >>> readable("financially_approved")
    'Financially approved'
    """
    words = code.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]
