"""What goes over the wire: answers, exact JSON in both directions, Retry-After. No calls are made here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, NoReturn

from accordant.kernel import Bug, ContractDrift, Unavailable


@dataclass(frozen=True)
class Response:
    """A complete answer of a connected system.

    Args:
        status: HTTP status.
        headers: by name; those of a real call ignore case.
        content: the body, decompressed.
        system: instance id, for error messages.
        operation: the capability's operation, for error messages.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    system: str = ""
    operation: str = ""

    @property
    def media_type(self) -> str:
        """Return the declared type without parameters, in lower case; empty when none is declared."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Say whether this is a page for people."""
        return self.media_type in {"text/html", "application/xhtml+xml"} or _looks_like_html(self.content)

    def json(self) -> Any:
        """Return the decoded body; numbers with a fraction or exponent are Decimal, integers stay int.

        Raises:
            Unavailable: a page for people came instead: a proxy, a login or a maintenance page.
            ContractDrift: the body is empty or not JSON.
        """
        return self._decoded

    @cached_property
    def _decoded(self) -> Any:
        if self.is_html:
            raise Unavailable(
                "The system answered with a web page where data was expected.",
                code="call.html_answer",
                remedy="See whether the address is right and whether the system is in maintenance.",
                system=self.system,
                operation=self.operation,
                detail={"status": self.status},
            )
        try:
            return json.loads(self.content, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ContractDrift(
                "The system answered with something that is not JSON.",
                code="call.not_json",
                remedy="Compare the system's interface version with the one its connector names.",
                system=self.system,
                operation=self.operation,
                detail={"status": self.status, "media_type": self.media_type, "size_bytes": len(self.content)},
            ) from error


def _looks_like_html(content: bytes) -> bool:
    return content[:64].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def retry_after_s(response: Response, now: datetime, default: float = 1.0) -> float:
    """Return the seconds that the Retry-After header asks us to wait: it holds seconds or a date.

    Returns:
        Never negative; `default` when the header is missing or cannot be read.
    """
    value = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value)) if value[:1].isdigit() else max(0.0, _seconds_until(value, now))
    except ValueError:
        return default


def _seconds_until(date: str, now: datetime) -> float:
    at = parsedate_to_datetime(date)
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (aware - now).total_seconds()


def encode_json(value: Any) -> bytes:
    """Return compact JSON in UTF-8; a Decimal is written as a number with exactly its digits.

    The standard encoder can only write a Decimal as text or through a float; vendors want the number.

    Raises:
        Bug: the value holds something JSON has no form for.
    """
    return "".join(_pieces(value)).encode()


def _pieces(value: Any) -> list[str]:
    match value:
        case Decimal():
            if not value.is_finite():
                raise Bug(f"{value} cannot be sent as a JSON number", code="call.unsendable")
            return [format(value, "f")]
        case Mapping():
            members = [[_text(str(key)), ":", *_pieces(item)] for key, item in value.items()]
            return ["{", *_joined(members), "}"]
        case list() | tuple():
            return ["[", *_joined([_pieces(item) for item in value]), "]"]
        case _:
            return [_text(value)]


def _joined(members: list[list[str]]) -> list[str]:
    pieces: list[str] = []
    for member in members:
        pieces += [",", *member] if pieces else member
    return pieces


def _text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Bug(f"{type(value).__name__} cannot be sent as JSON", code="call.unsendable") from error
