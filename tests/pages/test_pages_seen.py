"""Each page as a person sees it: both themes, wide and narrow; screenshots go to out/pages/."""

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


UNNAMED = """() => {
  const problems = [];
  const named = (e) => (e.getAttribute('aria-label') || e.textContent || e.title || '').trim();
  for (const e of document.querySelectorAll('a[href], button, summary'))
    if (!named(e)) problems.push('no name: ' + e.outerHTML.slice(0, 90));
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels?.length && !e.getAttribute('aria-label')) problems.push('no label: ' + e.outerHTML.slice(0, 90));
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) problems.push('twice: #' + id);
  for (const e of document.querySelectorAll('[aria-labelledby]'))
    for (const id of e.getAttribute('aria-labelledby').split(' '))
      if (!document.getElementById(id)) problems.push('points nowhere: ' + id);
  if (document.querySelectorAll('h1').length !== 1) problems.push('a page has one first heading');
  if (!document.querySelector('main')) problems.push('no main');
  return problems;
}"""
"""What a person who listens would miss: nameless controls, ids given twice, labels that point nowhere."""


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


@pytest.fixture(params=[(size, theme) for size in SIZES for theme in ("light", "dark")], ids="-".join)
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
            assert page.evaluate(UNNAMED) == [], name

        assert complaints == []
        page.context.close()

    @pytest.mark.parametrize("person", ["Silas Brandt", "Wren Tallis", "Felix Marrow", "Petra Lumley", "Corin Vale"])
    def test_home_of_each_role_is_whole(self, browser: Browser, address: str, person: str) -> None:
        for size in SIZES:
            page = signed_in(browser, address, person, size)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            page.screenshot(path=OUT / f"home-of-{person.split(maxsplit=1)[0].lower()}-{size}.png", full_page=True)
            page.context.close()
            assert wider <= 0


class TestKeys:
    @pytest.fixture
    def page(self, browser: Browser, address: str) -> Iterator[Page]:
        opened = signed_in(browser, address, "Juno Abelard")
        yield opened
        opened.context.close()

    def test_slash_searches_from_anywhere_and_enter_opens_the_answer(self, page: Page) -> None:
        page.keyboard.press("/")
        page.keyboard.type("INV-UK01-20388")
        page.keyboard.press("Enter")

        page.get_by_role("heading", name="From the sale to the money").wait_for()
        assert page.get_by_role("heading", name="Lines behind invoice INV-UK01-20388").is_visible()

    def test_g_then_e_goes_to_engagements_where_j_and_enter_open_one(self, page: Page) -> None:
        page.keyboard.press("g")
        page.keyboard.press("e")
        page.wait_for_url("**/engagements")
        page.keyboard.press("j")
        first = page.evaluate("document.activeElement.textContent")
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("Enter")

        page.wait_for_url("**/engagements/con_*")
        assert first in page.get_by_role("heading", level=1).inner_text()

    def test_letters_are_off_in_a_field(self, page: Page) -> None:
        page.keyboard.press("/")
        page.keyboard.type("ge?t")

        assert page.locator("#q").input_value() == "ge?t"
        assert page.url.endswith("/")

    def test_t_changes_the_theme_and_it_is_kept(self, page: Page) -> None:
        page.keyboard.press("t")

        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.goto("/engagements")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"

    def test_the_question_mark_shows_the_keys_and_escape_gives_the_page_back(self, page: Page) -> None:
        page.keyboard.press("?")
        assert page.get_by_role("heading", name="Keys").is_visible()

        page.keyboard.press("Escape")

        assert not page.get_by_role("heading", name="Keys").is_visible()

    def test_the_first_tab_skips_to_the_content(self, page: Page) -> None:
        page.keyboard.press("Tab")

        assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"


class TestLive:
    def test_the_dot_says_how_old_the_numbers_are_and_the_badges_are_filled(
        self, browser: Browser, address: str
    ) -> None:
        page = signed_in(browser, address, "Juno Abelard")

        page.get_by_text("s old").wait_for()

        assert page.locator('[sse-swap="cases"]').inner_text() == "6"
        page.context.close()


class TestWithoutScript:
    def test_filters_search_and_entity_choice_are_plain_forms(self, browser: Browser, address: str) -> None:
        context = browser.new_context(java_script_enabled=False, base_url=address)
        page = context.new_page()
        page.goto("/sign-in?next=/engagements")
        page.get_by_role("button", name="Juno Abelard").first.click()

        page.get_by_text("Entity all 3").click()
        page.get_by_role("button", name="DE01").click()
        page.locator("input[name=q][type=search]").last.fill("plant")
        page.get_by_role("button", name="Filter").click()

        assert page.locator("tbody tr").count() == 1
        assert "Vierlande Pharma" in page.content()
        context.close()
