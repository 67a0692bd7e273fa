"""Events out: written in the transaction that causes them, logged in order per key, delivered to whoever subscribed.

What an event means belongs to the rooms that publish it.
"""

from accordant.platform.events.log import Event, publish, read
from accordant.platform.events.sequencer import CHANNEL, Sequencer
from accordant.platform.events.subscriptions import Past, Subscription, replay, set_paused, subscribe

__all__ = [
    "CHANNEL",
    "Event",
    "Past",
    "Sequencer",
    "Subscription",
    "publish",
    "read",
    "replay",
    "set_paused",
    "subscribe",
]
