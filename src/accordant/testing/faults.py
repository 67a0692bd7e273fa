"""Faults on the way to a system: over a served simulator's own plan, or in the wire, for systems that know no faults.

The names are those of `accordant.simulators`; nothing here waits, so that a healthy call is never taken for a slow one.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx2

from accordant.kernel import InvalidInput
from accordant.simulators._shared import FAULTS, Fault, FaultPlan

WIRE_FAULTS = frozenset({"timeout_before_commit", "timeout_after_commit", "late_commit", "half_body", "html_error"})
"""What can happen between any client and any server."""

DOOR_FAULTS = frozenset({"429", "500", "expired_token"})
"""What a server says at its door; a simulator says it in its vendor's words."""

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_AT_THE_DOOR = {"429": (429, {"retry-after": "0"}), "500": (500, {}), "expired_token": (401, {})}


class DisturbedTransport(httpx2.AsyncBaseTransport):
    """A way to a system on which armed faults strike.

    Args:
        inner: the real way.
        plan: the faults; operations are `METHOD /path`.
        door: also say the faults of the door, in plain HTTP; for a system that cannot say them itself.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, plan: FaultPlan, *, door: bool = False) -> None:
        self._inner = inner
        self._plan = plan
        self._door = door
        self._late: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass one request on, or let a fault strike it."""
        operation = f"{request.method} {request.url.path}"
        fault = self._plan.take(operation, *WIRE_FAULTS, *(DOOR_FAULTS if self._door else ()))
        if fault is None:
            return await self._inner.handle_async_request(request)
        if fault.name in DOOR_FAULTS:
            status, headers = _AT_THE_DOOR[fault.name]
            return httpx2.Response(status, headers=headers, request=request)
        if fault.name == "html_error":
            return httpx2.Response(502, html=_PAGE, request=request)
        if fault.name == "late_commit":
            self._late.append(request)
        elif fault.name != "timeout_before_commit":
            await self._pass_on(request)
        if fault.name == "half_body":
            raise httpx2.ReadError("the answer broke off", request=request)
        raise httpx2.ReadTimeout("no answer came", request=request)

    async def commit_late(self) -> int:
        """Let the system do now what it was asked for and did not answer; returns how many requests that were."""
        late, self._late = self._late, []
        for request in late:
            await self._pass_on(request)
        return len(late)

    async def aclose(self) -> None:
        """Close the real way."""
        await self._inner.aclose()

    async def _pass_on(self, request: httpx2.Request) -> None:
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        await answer.aclose()


class Faults:
    """Arms faults in a simulator that is served somewhere, `accordant simulate` for one.

    Args:
        url: where it is served: `http://127.0.0.1:8401`.
        transport: replaces the network, in tests.
    """

    def __init__(self, url: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._client = httpx2.Client(base_url=url, transport=transport, timeout=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        self._client.close()

    def arm(self, name: str, on: str = "*", *, times: int | None = 1, after: int = 0, **options: Any) -> None:
        """Arm a fault.

        Args:
            name: one of the simulators' faults.
            on: pattern of operations, `POST /services/*`.
            times: how often it strikes; None until it is cleared.
            after: how many matching calls pass before it strikes.
            options: the fault's own: `delay_s`, `lag_s`, `every`, `drop`, `rename`, `skew_s`, `hang_s`.

        Raises:
            InvalidInput: there is no such fault.
        """
        fault = {"name": name, "on": on, "times": times, "after": after, "options": options}
        answer = self._client.post("/_faults", json=fault)
        if answer.is_error:
            raise InvalidInput(
                f"The simulator refused the fault {name!r}: {answer.text}",
                code="testing.fault",
                remedy=f"There are: {', '.join(FAULTS)}.",
            )

    def armed(self) -> list[Fault]:
        """Return the armed faults with how often each struck."""
        return [Fault(**row) for row in self._client.get("/_faults").json()]

    def clear(self) -> None:
        """Remove every fault."""
        self._client.delete("/_faults")
