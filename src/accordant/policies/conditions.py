"""Unary tests after DMN: what a row asks of one input, parsed once to a closure.

Null is met only by `-` (anything), `null` and a list that names null: neither `not(GB)` nor `< 5` is true of a fact
that is missing, so that nothing is decided by what is not known.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, model_validator

Value = bool | Decimal | date | str | None


def _tagged(value: Value) -> Any:
    if isinstance(value, Decimal):
        return {"number": str(value)}
    return {"date": value.isoformat()} if isinstance(value, date) else value


def _untagged(raw: Any) -> Value:
    match raw:
        case {"number": str(digits)}:
            return Decimal(digits)
        case {"date": str(day)}:
            return date.fromisoformat(day)
        case None | bool() | Decimal() | str() | date():
            return raw
    raise ValueError(f"{type(raw).__name__} is no value of a table")


# A value in JSON says its type, so that a stored decision reads back exactly: text `4711` never becomes a number.
Cell = Annotated[Value, PlainValidator(_untagged), PlainSerializer(_tagged, when_used="json")]
Condition = Callable[[Value], bool]

_ANY = "-"
_NOT = re.compile(r"not\((.*)\)", re.DOTALL)
_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(.+)")
_RANGE = re.compile(r"([\[(])\s*(.+?)\s*\.\.\s*(.+?)\s*([\])])")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ValueType(StrEnum):
    """What a cell holds. Numbers are exact; dates are civil."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOL = "bool"


class Column(BaseModel):
    """An input or output of a table: its type and, for text, the words it may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ValueType
    one_of: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    def value(self, raw: Any) -> Value:
        """Return the raw value in the column's type; raises ValueError when it has another type or word."""
        if raw is None:
            return None
        value = _CONVERT[self.type](raw)
        if value is None:
            raise ValueError(f"{raw!r} is not a {self.type}")
        if self.one_of and value not in self.one_of:
            raise ValueError(f"`{value}` is not one of {', '.join(self.one_of)}")
        return value

    def literal(self, text: str) -> Value:
        """Return the value that stands as text within a test."""
        if text == "null":
            return None
        try:
            return self.value(_PARSE[self.type](text.strip()))
        except (InvalidOperation, KeyError, ValueError) as error:
            raise ValueError(str(error) if self.one_of else f"`{text}` is not a {self.type}") from error


def parse_condition(test: Any, column: Column) -> Condition:
    """Return what the test asks of a value; raises ValueError when it is none for the column's type.

    A literal, a list (any of), `null`, `-`, `not(a, b)` or `{not: [a, b]}`; for numbers and dates also `>= 10` and
    ranges `[1..5)`, where a square bracket includes the end. Text in double quotes is always a literal.
    """
    if isinstance(test, dict):
        return _negated(test, column)
    if isinstance(test, list):
        tests = [parse_condition(part, column) for part in test]
        return lambda value: any(is_met(value) for is_met in tests)
    if test == _ANY:
        return lambda _: True
    return _parse_text(test, column) if isinstance(test, str) else _equals(column.value(test))


def _parse_text(test: str, column: Column) -> Condition:
    if test.startswith('"') and test.endswith('"'):
        return _equals(column.value(test[1:-1]))
    if inner := _NOT.fullmatch(test):
        return _none_of([part.strip() for part in inner[1].split(",")], column)
    if column.type in {ValueType.NUMBER, ValueType.DATE}:
        return _ordered(test, column)
    return _equals(column.literal(test))


def _negated(test: dict[str, Any], column: Column) -> Condition:
    if test.keys() != {"not"}:
        raise ValueError("a test is a literal, a list, a comparison, a range or `{not: …}`")
    return _none_of(test["not"], column)


def _none_of(test: Any, column: Column) -> Condition:
    is_refused = parse_condition(test, column)
    return lambda value: value is not None and not is_refused(value)


def _equals(literal: Value) -> Condition:
    return lambda value: value == literal


def _ordered(test: str, column: Column) -> Condition:
    if comparison := _COMPARISON.fullmatch(test):
        return _compares(comparison[1], column.literal(comparison[2]))
    if span := _RANGE.fullmatch(test):
        opening, low, high, closing = span.groups()
        above = _compares(">=" if opening == "[" else ">", column.literal(low))
        below = _compares("<=" if closing == "]" else "<", column.literal(high))
        return lambda value: above(value) and below(value)
    return _equals(column.literal(test))


def _compares(sign: str, bound: Value) -> Condition:
    if bound is None:
        raise ValueError(f"`{sign} null` compares with nothing")
    compare = _COMPARE[sign]
    return lambda value: value is not None and compare(value, bound)


def _text(raw: Any) -> str | None:
    return str(raw) if isinstance(raw, str) else None


def _number(raw: Any) -> Decimal | None:
    if isinstance(raw, Decimal):
        return raw
    return Decimal(raw) if isinstance(raw, int) and not isinstance(raw, bool) else None


def _date(raw: Any) -> date | None:
    return raw if isinstance(raw, date) and not isinstance(raw, datetime) else None


def _bool(raw: Any) -> bool | None:
    return raw if isinstance(raw, bool) else None


_CONVERT: dict[ValueType, Callable[[Any], Value]] = {
    ValueType.TEXT: _text,
    ValueType.NUMBER: _number,
    ValueType.DATE: _date,
    ValueType.BOOL: _bool,
}
_PARSE: dict[ValueType, Callable[[str], Value]] = {
    ValueType.TEXT: str,
    ValueType.NUMBER: Decimal,
    ValueType.DATE: date.fromisoformat,
    ValueType.BOOL: {"true": True, "false": False}.__getitem__,
}
