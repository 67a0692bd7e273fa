"""Money: an exact amount with its ISO 4217 currency; never a float, never without its currency."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import total_ordering
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator

# ISO 4217: minor-unit exponents that are not 2. Source: ISO 4217 list one, read 2026-11.
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}

CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _refuse_float(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("an amount must not be a float: decode JSON with parse_float=Decimal")  # noqa: TRY004 - pydantic wants ValueError
    return value


ExactDecimal = Annotated[Decimal, BeforeValidator(_refuse_float)]


def exponent_of(currency: str) -> int:
    """Return the number of decimals of the currency's minor unit: GBP 2, JPY 0, KWD 3."""
    return _EXPONENTS.get(currency, 2)


@total_ordering
class Money(BaseModel):
    """An exact amount of one currency.

    The amount may be finer than the minor unit (a rate of 0.125); `rounded()` brings it to the
    minor unit, half away from zero. Arithmetic between currencies raises ValueError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: ExactDecimal
    currency: CurrencyCode

    @model_validator(mode="after")
    def _finite(self) -> Self:
        if not self.amount.is_finite():
            raise ValueError("an amount must be finite")
        return self

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Self:
        """Build money from an exact amount."""
        return cls(amount=Decimal(amount), currency=currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Return nothing of the currency."""
        return cls(amount=Decimal(0), currency=currency)

    @classmethod
    def from_minor(cls, units: int, currency: str) -> Self:
        """Build money from minor units: 1250 GBP → 12.50, 1250 JPY → 1250."""
        return cls(amount=Decimal(units).scaleb(-exponent_of(currency)), currency=currency)

    @property
    def minor(self) -> int:
        """The amount in minor units; raises ValueError when it is finer than one unit."""
        scaled = self.amount.scaleb(exponent_of(self.currency))
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{self} is finer than the minor unit of {self.currency}; round it first")
        return int(scaled)

    def rounded(self) -> Self:
        """Return the amount at the minor unit, half away from zero."""
        quantum = Decimal(1).scaleb(-exponent_of(self.currency))
        return self.model_copy(update={"amount": self.amount.quantize(quantum, ROUND_HALF_UP)})

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")

    def __add__(self, other: Money) -> Self:
        self._same(other)
        return self.model_copy(update={"amount": self.amount + other.amount})

    def __sub__(self, other: Money) -> Self:
        self._same(other)
        return self.model_copy(update={"amount": self.amount - other.amount})

    def __neg__(self) -> Self:
        return self.model_copy(update={"amount": -self.amount})

    def __mul__(self, factor: Decimal | int) -> Self:
        return self.model_copy(update={"amount": self.amount * factor})

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,f}"


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Add up money of one currency; the empty sum is zero of that currency."""
    result = Money.zero(currency)
    for amount in amounts:
        result += amount
    return result
