"""The only way out to connected systems: client, budget, breaker, repetition and the verdict on each answer.

What a vendor's codes mean belongs to its connector; what a business does about an error belongs above.
"""

import logging

from accordant.platform.http.auth import Auth, BearerAuth, Token, login_answer
from accordant.platform.http.breaker import BREAKER_OPEN, Breaker, BreakerChange, LocalBreaker
from accordant.platform.http.client import HttpClient, trace_headers
from accordant.platform.http.factory import HttpFactory, in_process
from accordant.platform.http.lane import LANE_FULL, Lane, LaneStats, Limits, LocalLane
from accordant.platform.http.lane_store import list_lanes
from accordant.platform.http.priority import Priority, call_priority
from accordant.platform.http.shared_breaker import BreakerStats, SharedBreaker, list_breakers
from accordant.platform.http.shared_lane import LaneTiming, SharedLane
from accordant.platform.http.verdict import Classify
from accordant.platform.http.wire import Response, encode_json, retry_after_s

# The library logs each URL with its query, which may hold names and mail addresses.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

__all__ = [
    "BREAKER_OPEN",
    "LANE_FULL",
    "Auth",
    "BearerAuth",
    "Breaker",
    "BreakerChange",
    "BreakerStats",
    "Classify",
    "HttpClient",
    "HttpFactory",
    "Lane",
    "LaneStats",
    "LaneTiming",
    "Limits",
    "LocalBreaker",
    "LocalLane",
    "Priority",
    "Response",
    "SharedBreaker",
    "SharedLane",
    "Token",
    "call_priority",
    "encode_json",
    "in_process",
    "list_breakers",
    "list_lanes",
    "login_answer",
    "retry_after_s",
    "trace_headers",
]
