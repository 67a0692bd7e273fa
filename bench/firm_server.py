"""The simulated firm of the throughput bench: served like any, and told over its standard input what to load.

A line is JSON: `{"workspace": id, "count": n}` loads approved billable time; `{"cpu": true}` asks for the processor
seconds used so far. Each line is answered by one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

from accordant.simulators.firm import Firm
from accordant.simulators.firm.estate import SimulatedEstate, choose
from accordant.simulators.kantata import KantataSimulator


def main(ports: list[int]) -> None:
    """Serve the firm until the parent goes away."""
    firm = Firm.generate(7, engagements=6, lines=20)
    names = ["salesforce", "kantata", "netsuite", "workday", "teams"]
    estate = SimulatedEstate(firm, choose(names, ports))
    said = {
        "addresses": estate.addresses,
        "environment": estate.environment,
        "settings": estate.settings,
        "logins": estate.logins,
        "today": firm.today.isoformat(),
    }
    print(json.dumps(said), flush=True)
    psa = estate.simulators["kantata-main"]
    threading.Thread(target=_listen, args=(psa,), daemon=True).start()
    asyncio.run(estate.serve())


def _listen(psa: KantataSimulator) -> None:
    for text in sys.stdin:
        order = json.loads(text)
        if "count" in order:
            _load(psa, str(order["workspace"]), int(order["count"]))
        print(json.dumps({"cpu": time.process_time()}), flush=True)


def _load(psa: KantataSimulator, workspace: str, count: int) -> None:
    members = [m.data for m in psa.account["account_memberships"] if m.data.get("default_role_id")]
    now = datetime.now(UTC)
    first = now.date() - timedelta(days=20)
    psa.load_time_entries(
        {
            "workspace_id": workspace,
            "user_id": member["user_id"],
            "role_id": member["default_role_id"],
            "date_performed": (first + timedelta(days=number // len(members) % 20)).isoformat(),
            "time_in_minutes": 15,
            "billable": True,
            "approved": True,
            "rate_in_cents": 12_000,
            "created_at": now + timedelta(microseconds=number),
            "updated_at": now + timedelta(microseconds=number),
        }
        for number, member in ((n, members[n % len(members)]) for n in range(count))
    )


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1].split(",")])
