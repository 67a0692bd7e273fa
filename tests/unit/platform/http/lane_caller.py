"""A process of its own that calls through a shared lane: prints the start and end of each call, or holds on for ever.

Usage: lane_caller.py <database url> <hold | calls> <concurrency> <count> <seconds per call>
"""

from __future__ import annotations

import asyncio
import sys
import time

from accordant.platform.http import Limits, SharedLane, Timing
from accordant.platform.storage import Database


async def call(lane: SharedLane, seconds: float) -> None:
    async with lane.slot("x"):
        started = time.time()
        await asyncio.sleep(seconds)
        print(started, time.time(), flush=True)


async def hold(lane: SharedLane) -> None:
    async with lane.slot("x"):
        print("held", flush=True)
        await asyncio.sleep(60)


async def main(url: str, verb: str, concurrency: str, count: str, seconds: str) -> None:
    timing = Timing(lease_s=0.6, renew_s=0.1)
    lane = SharedLane(Database(url).engine, "vendor-main", Limits(concurrency=int(concurrency)), timing=timing)
    work = hold(lane) if verb == "hold" else None
    calls = [call(lane, float(seconds)) for _ in range(int(count))] if work is None else [work]
    await asyncio.gather(*calls)
    await lane.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
