"""What all canonical objects share: frozen, closed, with one map for what the firm adds locally."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class CanonicalModel(BaseModel):
    """A canonical business object.

    Unknown fields are refused; a vendor's local fields travel in `extensions` under the vendor's name (R-CAN-15).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    extensions: dict[str, JsonValue] = Field(default_factory=dict)
