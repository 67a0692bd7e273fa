"""Writes outside, each once: the intent before the call, the outcome after it, a look-up before anything is repeated.

Nothing else in the product repeats a write; what is written and where belongs to the rooms above.
"""

from accordant.platform.effects.controls import PROTECTIONS, Controls, controls_from_environment
from accordant.platform.effects.ledger import (
    Ending,
    Item,
    Scope,
    Standing,
    Turn,
    adopt_by_hand,
    done_by,
    is_begun,
    mark_undone,
    stored_error,
)
from accordant.platform.effects.perform import Ack, Effects, LookUp, Missing, Refusal, Send, StillUnsure, Write

__all__ = [
    "PROTECTIONS",
    "Ack",
    "Controls",
    "Effects",
    "Ending",
    "Item",
    "LookUp",
    "Missing",
    "Refusal",
    "Scope",
    "Send",
    "Standing",
    "StillUnsure",
    "Turn",
    "Write",
    "adopt_by_hand",
    "controls_from_environment",
    "done_by",
    "is_begun",
    "mark_undone",
    "stored_error",
]
