"""How much one client may ask: a token bucket each, in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from math import ceil

from accordant.kernel import Clock, RateLimited
from accordant.platform.http.token_bucket import TokenBucket

_WINDOW_S = 60
_MOST = 10_000  # buckets kept; the longest unused goes first, and it is full again by then


class RateLimits:
    """One bucket per client; a burst of a tenth, the rest evenly over the minute.

    Args:
        requests: per minute.
        clock: the present.
    """

    def __init__(self, requests: int, *, clock: Clock) -> None:
        self._requests = requests
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> dict[str, str]:
        """Count a request and return the headers that tell the client what is left.

        Raises:
            RateLimited: `api.rate_limited` with the seconds to wait.
        """
        with self._lock:
            bucket = self._buckets.pop(client, None) or TokenBucket(self._requests, _WINDOW_S)
            self._buckets[client] = bucket
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
            bucket.refill(self._clock.now().timestamp())
            left = bucket.free() or 0
            if left < 1:
                raise RateLimited(
                    "Too many requests from this client.",
                    code="api.rate_limited",
                    remedy="Wait as long as Retry-After says; ask for larger pages.",
                    retry_after_s=ceil(bucket.ready_in_s()),
                )
            bucket.take()
        wait = ceil(1 / bucket.rate)
        return {
            "RateLimit-Policy": f'"client";q={self._requests};w={_WINDOW_S}',
            "RateLimit": f'"client";r={left - 1};t={wait}',
        }
