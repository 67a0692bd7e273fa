"""Each page as a person sees it: both themes, wide and narrow, without sideways scroll; screenshots go to out/pages/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pages.browser import ARGUMENTS, SIZES, chromium, served
from pages.seed import Seeded
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

OUT = Path(__file__).parents[2] / "out/pages"
PAGES = {
    "sign-in": "/sign-in",
    "home": "/",
    "engagements": "/engagements",
    "engagement": "/engagements/{northmere}",
    "engagement-new": "/engagements/{redstone}",
    "search": "/search",
    "search-client": "/search?q=Northmere",
    "search-line": "/search?q=tim_northmere_003",
    "search-invoice": "/search?q=INV-UK01-20388",
    "search-nothing": "/search?q=nothing+is+called+so",
    "more": "/more",
}


@pytest.fixture(scope="module")
def address(console: FastAPI) -> Iterator[str]:
    """Where the console is served."""
    with served(console) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(params=[(size, theme) for size in SIZES for theme in ("light", "dark")], ids=lambda p: "-".join(p))
def look(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A size and a theme."""
    return request.param  # type: ignore[no-any-return]


def signed_in(browser: Browser, address: str, person: str, size: str = "wide", theme: str = "light") -> Page:
    """Return a page on home, with a person signed in."""
    width, height = SIZES[size]
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, base_url=address
    )
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_role("button", name=person).first.click()
    page.wait_for_selector(".rail")
    return page


class TestLooks:
    def test_no_page_scrolls_sideways_or_logs_an_error(
        self, browser: Browser, address: str, look: tuple[str, str], seeded: Seeded
    ) -> None:
        size, theme = look
        page = signed_in(browser, address, "Juno Abelard", size, theme)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        OUT.mkdir(parents=True, exist_ok=True)

        for name, path in PAGES.items():
            page.goto(path.format(**seeded.contract))
            page.wait_for_timeout(150)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            page.screenshot(path=OUT / f"{name}-{size}-{theme}.png", full_page=True)
            assert wider <= 0, f"{name} is {wider} px wider than the {size} screen"

        assert complaints == []
        page.context.close()
