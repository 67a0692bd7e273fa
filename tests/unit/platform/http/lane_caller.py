"""A process of its own that calls through a shared lane: prints the start and end of each call, or holds on for ever.

It says "ready" and starts when it is told a line.

Usage: lane_caller.py <database url> <hold | calls> <concurrency> <count> <seconds per call>
"""

from __future__ import annotations

import asyncio
import sys
import time

from sqlalchemy import create_engine

from accordant.platform.http import LaneTiming, Limits, SharedLane


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def call(lane: SharedLane, seconds: float) -> None:
    async with lane.slot("x"):
        started = time.time()
        await asyncio.sleep(seconds)
        say(f"{started} {time.time()}")


async def hold(lane: SharedLane) -> None:
    async with lane.slot("x"):
        say("held")
        await asyncio.sleep(60)


async def main(url: str, verb: str, concurrency: str, count: str, seconds: str) -> None:
    engine = create_engine(url, connect_args={"options": "-c search_path=accordant"})
    timing = LaneTiming(lease_s=0.6, renew_s=0.1)
    lane = SharedLane(engine, "vendor-main", Limits(concurrency=int(concurrency)), timing=timing)
    say("ready")
    sys.stdin.readline()
    one = hold(lane) if verb == "hold" else None
    await (one or asyncio.gather(*(call(lane, float(seconds)) for _ in range(int(count)))))
    await lane.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
