"""A simulated account to call in process."""

import asyncio

import httpx2
import pytest

from accordant.simulators.kantata import TOKEN, KantataSimulator

API = "/api/v1"


class Desk:
    """Calls the simulator over ASGI, one call per event loop."""

    def __init__(self, sim):
        self.sim = sim
        self.token = TOKEN

    def call(self, method, path, body=None, *, headers=None, form=None, **params):
        async def send():
            transport = httpx2.ASGITransport(app=self.sim.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as client:
                given = {"Authorization": f"Bearer {self.token}"} if headers is None else headers
                url = path if path.startswith("/oauth") else f"{API}/{path}"
                return await client.request(method, url, json=body, data=form, params=params, headers=given)

        return asyncio.run(send())

    def get(self, path, **params):
        return self.call("GET", path, **params)

    def post(self, path, body, **params):
        return self.call("POST", path, body, **params)

    def put(self, path, body=None, **params):
        return self.call("PUT", path, body, **params)

    def make(self, collection, one, **fields):
        """Create a record and return it."""
        answer = self.post(f"{collection}.json", {one: fields})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body[collection][body["results"][0]["id"]]

    def a_workspace(self, ref="con-1", **fields):
        given = {"title": "Rollout", "creator_role": "maven", "external_reference": a_reference(ref)} | fields
        return self.make("workspaces", "workspace", **given)

    def an_entry(self, workspace_id, **fields):
        given = {"date_performed": "2026-05-06", "time_in_minutes": 90, "rate_in_cents": 20000} | fields
        return self.make("time_entries", "time_entry", workspace_id=workspace_id, **given)

    def a_submission(self, workspace_id, *entry_ids):
        return self.make(
            "timesheet_submissions", "timesheet_submission", workspace_id=workspace_id, line_item_ids=list(entry_ids)
        )

    def an_approved_entry(self, workspace_id, **fields):
        entry = self.an_entry(workspace_id, **fields)
        sheet = self.a_submission(workspace_id, entry["id"])
        assert self.put(f"timesheet_submissions/{sheet['id']}/approve").status_code == 200
        return entry

    def books(self, kind):
        return [d for d in self.sim.books.documents() if d.kind == kind]


def a_reference(ref, model="Project"):
    return {"service_name": "accordant", "service_model": model, "service_model_ref": ref, "status": "successful"}


@pytest.fixture
def desk():
    return Desk(KantataSimulator(event_delay_s=0.0, event_duplicate_rate=0.0))


@pytest.fixture
def reference():
    return a_reference
