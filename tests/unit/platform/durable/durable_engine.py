"""Runs a story against a live engine. The engine is one per process: it is launched and closed inside one loop."""

from __future__ import annotations

import asyncio

from accordant.platform.durable import Engine, new_executor_id


def run_engine(database, flows, story, *, lease_s=5.0, timeout_s=60.0):
    """Run `story(engine)` while an engine with `flows(engine)` works."""

    async def main():
        engine = Engine(database, new_executor_id(), lease_s=lease_s)
        for name, body in flows(engine).items():
            engine.register(name, body)
        await engine.launch()
        try:
            return await asyncio.wait_for(story(engine), timeout_s)
        finally:
            await engine.close()

    return asyncio.run(main())


async def until(check, what, *, timeout_s=30.0):
    """Wait until a check in a thread returns something true, and return it."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while asyncio.get_running_loop().time() < deadline:
        if value := await asyncio.to_thread(check):
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"never happened: {what}")
