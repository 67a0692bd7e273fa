"""What never leaves in a log line or on a span: personal fields, secrets, and whatever looks like one in a text.

Business ids, versions, codes and money pass. A value of a type that is not plain shows its type only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

PERSONAL = "[personal]"
SECRET = "[secret]"  # noqa: S105 - what stands in its place

_PERSONAL_KEY = re.compile(
    r"""(^|_)(e?mail|phone|mobile|fax|street|postal_code|zip|birth_?date|date_of_birth|gender|nationality|ssn|tax_id|
        national_id|passport|iban|bank_account|salary|pay_rate)(s|_address|_number)?$
        |^(home_)?address(_line_?\d)?$
        |^(first|last|full|given|family|middle|maiden|display|preferred|worker|person|employee|contact|user|sur)_?name$
        |^(login|upn|user_principal_name)$""",
    re.VERBOSE,
)
_SECRET_KEY = re.compile(
    r"""(^|_)(authorization|cookie|set_cookie|password|passwd|secret|token|api_?key|access_?key|private_?key|signing_key|
        credential|assertion|signature|bearer|jwt|otp|pin)s?(_value|_hash)?$""",
    re.VERBOSE,
)
_IN_TEXT = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), SECRET),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {SECRET}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)*"), SECRET),
    (re.compile(r"\b(whsec_|sk_live_|sk_test_|ghp_|xox[abp]-)[A-Za-z0-9+/=_-]{6,}"), SECRET),
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://)[^/\s@]+@"), rf"\1{SECRET}@"),
    (
        re.compile(
            r"""(?ix)(\b(?:[a-z_-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|assertion|signature))
                ["']?\s*[=:]\s*["']?)(?!\[)[^\s"'&,;)}]+"""
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"), PERSONAL),
)
_PLAIN = (int, float, Decimal, date, time, timedelta, UUID, type(None))


def mask(value: Any, key: str = "") -> Any:
    """Return a value as it may be written down, under the key it stands for."""
    name = key.lower().replace("-", "_")
    if _SECRET_KEY.search(name):
        return SECRET
    if _PERSONAL_KEY.search(name):
        return PERSONAL
    if isinstance(value, Mapping):
        return {str(k): mask(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(item) for item in value]
    return _mask_single(value)


def _mask_single(value: Any) -> Any:
    if isinstance(value, Enum):
        return _mask_single(value.value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, str | PurePath):
        return mask_text(str(value))
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, BaseException):
        return mask_text(f"{type(value).__name__}: {value}")
    return f"<{type(value).__name__}>"


def mask_text(text: str) -> str:
    """Return a text without anything in it that looks like a secret or a mail address."""
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text
