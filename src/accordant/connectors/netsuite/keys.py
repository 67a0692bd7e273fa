"""Our keys as the vendor's external ids, and back: letters, digits, underscore and hyphen are all it allows.

Any other character, and the hyphen itself, becomes a hyphen and two hex digits per byte: `inv_01h#1` → `inv_01h-231`.
A key that grows too long is replaced by its hash, which finds it as well but cannot be read back.
"""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[^A-Za-z0-9_]")
_ESCAPED = re.compile(r"(?:-[0-9a-f]{2})+")
_LONGEST = 120


def external_id(key: str) -> str:
    """Return the external id under which a record with this key is kept."""
    text = _PLAIN.sub(lambda m: "".join(f"-{byte:02x}" for byte in m[0].encode()), key)
    return text if len(text) <= _LONGEST else f"sha256_{hashlib.sha256(key.encode()).hexdigest()}"


def key_of(text: str) -> str:
    """Return the key an external id was made from; the text itself when it is not one of ours."""
    try:
        return _ESCAPED.sub(lambda m: bytes.fromhex(m[0].replace("-", "")).decode(), text)
    except ValueError:
        return text
