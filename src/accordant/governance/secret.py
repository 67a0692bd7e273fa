"""Secrets by reference: the estate names where a secret lies, never the secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from accordant.kernel import InvalidInput

SCHEMES = ("env", "file")


def is_reference(text: str) -> bool:
    """Tell whether the text names a place (`env:NAME`, `file:path`) and is not a secret itself."""
    scheme, _, rest = text.partition(":")
    return scheme in SCHEMES and bool(rest.strip())


def resolve(reference: str, *, folder: Path | None = None, environ: Mapping[str, str] | None = None) -> SecretStr:
    """Fetch the secret that a reference names.

    Args:
        reference: `env:NAME`, or `file:path` (relative to the estate's folder); one trailing line end is cut.
        folder: the estate's folder.
        environ: instead of the process's environment.

    Raises:
        InvalidInput: it is no reference (`secret.not_a_reference`) or leads nowhere (`secret.missing`). The message
            names the reference; never a value, nor a text that may be one.
    """
    if not is_reference(reference):
        raise InvalidInput(
            "A secret is not written as a reference.",
            code="secret.not_a_reference",
            remedy="Write `env:NAME` or `file:path` and put the value there.",
        )
    scheme, _, place = reference.partition(":")
    value = (os.environ if environ is None else environ).get(place) if scheme == "env" else _read(place, folder)
    if not value:
        raise InvalidInput(
            f"The secret {reference} is not there.",
            code="secret.missing",
            remedy=f"Set the variable {place}." if scheme == "env" else f"Put it into {place}, readable by the worker.",
        )
    return SecretStr(value)


def _read(place: str, folder: Path | None) -> str | None:
    try:
        return ((folder or Path()) / place).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return None
