"""The root of all capabilities: an instance of a connected system that can do it."""

from __future__ import annotations

from abc import ABC


class Port(ABC):
    """A capability of one connected system; connectors subclass the ports they implement.

    Attributes:
        system: instance id from the estate file, `netsuite-us`.
        settle_s: seconds after a call until `absent` counts (longest server time + search lag), from the manifest.
    """

    system: str
    settle_s: float
