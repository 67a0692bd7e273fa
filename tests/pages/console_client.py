"""A browser as the console's tests need it: cookies, tokens, the Origin of every write."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx2
from fastapi import FastAPI

ORIGIN = "http://console.example"


class Client:
    """Speaks to the console in process; cookies are kept between requests."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._cookies = httpx2.Cookies()

    def get(self, path: str, **kwargs: Any) -> httpx2.Response:
        """Open a page; redirects are followed."""
        return self.send("GET", path, follow_redirects=True, **kwargs)

    def post(self, path: str, *, token: str | None = None, **fields: str) -> httpx2.Response:
        """Send a form as our own page would, with the token of the session."""
        data = {"csrf": self.token() if token is None else token, **fields}
        return self.send("POST", path, data=data, headers={"origin": ORIGIN})

    def sign_in(self, person: str) -> Client:
        """Sign a person in and return this client."""
        self.get("/sign-in")
        assert self.post("/sign-in", person=person).status_code == 303
        return self

    def token(self) -> str:
        """Return the CSRF token that the pages of this session carry."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get("/more").text)
        return found[1] if found else ""

    def cookie(self) -> str:
        """Return the value of the session cookie."""
        return self._cookies["accordant_session"]

    def send(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        """Send any request."""

        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, cookies=self._cookies) as http:
                response = await http.request(method, path, **kwargs)
                self._cookies = http.cookies
                return response

        return asyncio.run(go())
