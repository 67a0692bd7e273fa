"""API and console behind one address."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import URL

from accordant.cli.serve import kept_key, open_doors, serve_doors
from accordant.kernel import InvalidInput
from accordant.platform.storage import DOOR, WORKER, as_role
from accordant.runtime.settings import Settings

DEMO = Path(__file__).parents[3] / "estates/demo"


class TestDoors:
    def test_answer_as_api_or_as_console_by_the_path(self, owner_url: URL, tmp_path: Path):
        settings = Settings(estate=DEMO, data=tmp_path)
        urls = {
            name: as_role(owner_url, role).render_as_string(hide_password=False)
            for name, role in (("worker_url", WORKER), ("door_url", DOOR))
        }

        async def look() -> dict[str, httpx2.Response]:
            with open_doors(settings, **urls) as doors:
                transport = httpx2.ASGITransport(app=doors)
                async with httpx2.AsyncClient(transport=transport, base_url="http://accordant.example") as http:
                    paths = ("/healthz", "/readyz", "/v1/cases", "/hooks/nobody", "/", "/sign-in", "/v1x")
                    return {path: await http.get(path) for path in paths}

        seen = asyncio.run(look())

        assert seen["/healthz"].json() == {"status": "ok"}
        assert seen["/readyz"].json()["status"] == "ready"
        assert seen["/v1/cases"].json()["code"] == "auth.missing"
        assert seen["/hooks/nobody"].json()["code"] == "http.405"
        assert seen["/"].headers["location"].startswith("/sign-in")
        assert "<html" in seen["/sign-in"].text
        assert "problem" not in seen["/v1x"].headers.get("content-type", "")

    def test_need_to_know_their_database(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("ACCORDANT_DOOR_URL", raising=False)

        with pytest.raises(InvalidInput) as caught:
            serve_doors()

        assert "accordant serve" in caught.value.remedy


class TestKeptKey:
    def test_is_made_once_and_for_this_user_only(self, tmp_path: Path):
        file = tmp_path / "data" / "a.key"

        first, second = kept_key(file), kept_key(file)

        assert first == second
        assert len(first) == 32
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in file.parent.iterdir()] == ["a.key"]

    def test_differs_from_place_to_place(self, tmp_path: Path):
        assert kept_key(tmp_path / "a") != kept_key(tmp_path / "b")
