"""The work pages in a real browser: both themes, wide and narrow, and the keyboard path from queue to retry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from pages.browser import ARGUMENTS, SIZES, chromium, served
from pages.seed import seed, to_group
from pages.work.firm_at_work import Told, at_work
from playwright.sync_api import Browser, Page, expect, sync_playwright

from accordant.console import ConsoleDeps, create_console
from accordant.governance import Estate
from accordant.kernel import SystemClock
from accordant.platform.durable import Starter
from accordant.platform.storage import DOOR, WORKER, Database, as_role, one
from accordant.process import Answers
from accordant.runtime.house import FLOWS

OUT = Path(__file__).parents[3] / "out/pages"


@pytest.fixture(scope="module")
def firm(cluster, estate: Estate) -> Iterator[tuple[ConsoleDeps, Told]]:
    """A database with both seeds, used by the tests of this file one after the other."""
    owner = cluster.clone()
    worker, door = Database(as_role(owner, WORKER)), Database(as_role(owner, DOOR))
    now = datetime.now(UTC)
    seed(worker, now)
    told = at_work(worker, now)
    yield ConsoleDeps(door, worker, Answers(Starter(worker), FLOWS), estate, SystemClock(), to_group), told
    worker.dispose()
    door.dispose()
    cluster.drop(owner)


@pytest.fixture(scope="module")
def address(firm: tuple[ConsoleDeps, Told]) -> Iterator[str]:
    """Where the console is served."""
    with served(create_console(firm[0])) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


def signed_in(
    browser: Browser, address: str, person: str, size: str = "wide", theme: str = "light", **how: bool
) -> Page:
    """Return a page on which a person is signed in, by account."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, base_url=address, **how
    )
    page = context.new_page()
    page.goto("/sign-in")
    page.locator(f'button[value="{person}"]').click()
    page.wait_for_selector(".rail", state="attached")
    return page


def places(told: Told) -> dict[str, tuple[str, str]]:
    """Return (person, address) of every page of this folder, by the name of its picture."""
    case, run = told.case["customer"], quote(told.run["parked"], safe="@:")
    return {
        "cases": ("juno.abelard", "/cases"),
        "cases-open": ("juno.abelard", f"/cases?open={case}"),
        "cases-causes": ("juno.abelard", "/cases?group=cause"),
        "cases-empty": ("juno.abelard", "/cases?owner=me"),
        "case": ("juno.abelard", f"/cases/{case}"),
        "case-hostile": ("orla.fennick", f"/cases/{told.case['xss']}"),
        "case-act": ("juno.abelard", f"/cases/{case}/act/retry"),
        "case-edit": ("juno.abelard", f"/cases/{case}/act/edit?edit.contract.cap=52000&edit.contract.po_number=PO-2"),
        "bulk": ("juno.abelard", f"/cases/bulk?act=dismiss&id={case}&id={told.case['quiet']}"),
        "approvals": ("orla.fennick", "/approvals"),
        "approvals-history": ("juno.abelard", "/approvals?tab=history"),
        "approval": ("orla.fennick", f"/approvals/{told.approval['invoice']}"),
        "runs": ("wren.tallis", "/runs"),
        "runs-flow": ("wren.tallis", "/runs?flow=activate-project&state=all"),
        "run": ("wren.tallis", f"/runs/{run}"),
    }


class TestLooks:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("size", list(SIZES))
    def test_no_page_scrolls_sideways_or_logs_an_error(
        self, browser: Browser, address: str, firm: tuple[ConsoleDeps, Told], size: str, theme: str
    ) -> None:
        OUT.mkdir(parents=True, exist_ok=True)
        pages: dict[str, Page] = {}
        complaints: list[str] = []

        for name, (person, path) in places(firm[1]).items():
            if person not in pages:
                pages[person] = signed_in(browser, address, person, size, theme)
                pages[person].on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
                pages[person].on("pageerror", lambda error: complaints.append(str(error)))
            page = pages[person]
            assert page.goto(path).ok, name
            page.wait_for_timeout(120)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            page.screenshot(path=OUT / f"work-{name}-{size}-{theme}.png", full_page=True)
            assert wider <= 0, f"{name} is {wider} px wider than the {size} screen"

        assert complaints == []


class TestKeyboard:
    def test_from_the_queue_to_a_retry_without_a_pointer(
        self, browser: Browser, address: str, firm: tuple[ConsoleDeps, Told]
    ) -> None:
        deps, told = firm
        page = signed_in(browser, address, "orla.fennick")
        page.goto("/cases?code=erp.customer.ambiguous")

        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator("#panel h2")).to_contain_text("may be the same client")
        assert f"open={told.case['customer']}" in page.url
        page.keyboard.press("r")
        dialog = page.locator("#confirm")
        expect(dialog.get_by_text("1 refused write sent again")).to_be_visible()
        page.keyboard.type("S")  # the root cause: the first that begins with S
        page.keyboard.press("Tab")
        page.keyboard.type("Looked at it; the cause is gone.")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        expect(page.get_by_text("Retry is under way.")).to_be_visible()
        with deps.worker.begin() as connection:
            gate = one(connection, "select resolved_at from gate where topic = :c", c=told.case["customer"])
        assert gate.resolved_at is not None

    def test_selecting_shows_count_and_money_and_asks_before_acting(
        self, browser: Browser, address: str, firm: tuple[ConsoleDeps, Told]
    ) -> None:
        page = signed_in(browser, address, "orla.fennick")
        page.goto("/cases?cause=mapping%3Acost_center%3A4410")

        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("Shift+X")
        expect(page.locator("[data-picked]")).to_have_text("2 cases")
        expect(page.locator("[data-held]")).to_have_text("GBP 6,376.80")
        page.get_by_role("button", name="Retry").click()

        expect(page.locator("#confirm").get_by_role("heading", name="Retry 2 cases")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#confirm")).to_be_hidden()

    def test_escape_closes_the_panel_and_focus_returns(
        self, browser: Browser, address: str, firm: tuple[ConsoleDeps, Told]
    ) -> None:
        page = signed_in(browser, address, "orla.fennick")
        page.goto("/cases?cause=mapping%3Acost_center%3A4410")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator(".panel")).to_be_visible()

        page.keyboard.press("]")
        expect(page.locator(".panel h2")).to_contain_text("HYPERLINK")
        page.keyboard.press("Escape")

        expect(page.locator(".panel")).to_have_count(0)
        assert "open=" not in page.url
        assert page.evaluate("document.activeElement.classList.contains('case')")

    def test_on_a_small_screen_a_case_opens_as_its_own_page(
        self, browser: Browser, address: str, firm: tuple[ConsoleDeps, Told]
    ) -> None:
        page = signed_in(browser, address, "orla.fennick", "narrow")
        page.goto("/cases")

        page.locator(f'a.case[data-id="{firm[1].case["xss"]}"]').click()

        page.wait_for_url(f"**/cases/{firm[1].case['xss']}")

    def test_everything_works_without_script(
        self, browser: Browser, address: str, firm: tuple[ConsoleDeps, Told]
    ) -> None:
        page = signed_in(browser, address, "wren.tallis", java_script_enabled=False)
        page.goto("/cases?role=integration_support&code=chat.slow")

        page.locator("a.case").first.click()
        page.get_by_role("link", name="Dismiss").click()
        page.get_by_label("Root cause").select_option("other")
        page.get_by_label("Reason").fill("The workspace is there.")
        page.get_by_role("button", name="Dismiss").click()

        expect(page.get_by_text("The case is closed.")).to_be_visible()
