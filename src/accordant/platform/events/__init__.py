"""Events out: written in the transaction that causes them, logged in order per key, delivered to whoever subscribed.

What an event means belongs to the rooms that publish it.
"""

from accordant.platform.events.log import Event, publish, read
from accordant.platform.events.sequencer import CHANNEL, Sequencer

__all__ = ["CHANNEL", "Event", "Sequencer", "publish", "read"]
