"""The protections of a write outside, each with a switch for the negative controls of the crash drill.

Nothing but `accordant drill crash --without …` and its tests ever switches one off.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

PROTECTIONS = ("lookup", "intent", "dedupe", "lock", "reaper")


@dataclass(frozen=True, slots=True)
class Controls:
    """Which protections are on: all of them."""

    lookup: bool = True  # after an unknown outcome, look before sending again
    intent: bool = True  # store the intent before the call
    dedupe: bool = True  # a done effect is never sent again
    lock: bool = True  # one live process at a time works on a key
    reaper: bool = True  # the work of a dead process is taken over

    @classmethod
    def without(cls, names: str) -> Controls:
        """Return the controls with the named protections off; ValueError for an unknown name."""
        off = [name for name in names.split(",") if name]
        for name in off:
            if name not in PROTECTIONS:
                raise ValueError(f"no protection is called {name!r}; there are: {', '.join(PROTECTIONS)}")
        return cls(**dict.fromkeys(off, False))


def controls_from_environment() -> Controls:
    """Read `ACCORDANT_DRILL_WITHOUT`, which only the drill sets."""
    return Controls.without(os.environ.get("ACCORDANT_DRILL_WITHOUT", ""))
