"""Who gets in, what a foreign site cannot do, and what every page is protected by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pages.console_client import Client

from accordant.console import ConsoleDeps, create_console
from accordant.console.session import LASTS


class TestSignIn:
    def test_a_page_asks_who_is_there_and_comes_back(self, client: Client) -> None:
        page = client.get("/more?x=1")

        assert page.url.path == "/sign-in"
        assert 'name="next" value="/more?x=1"' in page.text

    def test_a_person_of_the_estate_is_shown_by_name(self, client: Client) -> None:
        client.sign_in("orla.fennick")

        assert "Orla Fennick" in client.get("/more").text

    def test_nobody_is_sent_to_another_site(self, client: Client) -> None:
        client.get("/sign-in")

        for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            assert client.post("/sign-in", person="orla.fennick", next=elsewhere).headers["location"] == "/"

    def test_a_stranger_is_refused(self, client: Client) -> None:
        client.get("/sign-in")

        assert client.post("/sign-in", person="nobody.here").status_code == 404

    def test_with_a_real_system_nobody_is_chosen_from_a_list(self, deps: ConsoleDeps) -> None:
        systems = {
            name: system.model_copy(update={"simulated": name != "salesforce-main"})
            for name, system in deps.estate.systems.items()
        }
        estate = deps.estate.model_copy(update={"systems": systems})
        client = Client(create_console(replace(deps, estate=estate)))

        page = client.get("/sign-in")

        assert "identity provider" in page.text
        assert "Orla Fennick" not in page.text
        assert client.post("/sign-in", person="orla.fennick").status_code == 403

    def test_a_session_ends_after_twelve_hours(self, client: Client, deps: ConsoleDeps) -> None:
        client.sign_in("orla.fennick")

        deps.clock.advance(LASTS)  # type: ignore[attr-defined]  # the tests' clock is moved by hand

        assert client.get("/more").url.path == "/sign-in"

    def test_a_forged_session_is_nobody(self, client: Client) -> None:
        client.sign_in("orla.fennick")
        forged = client.cookie().replace(".", "x.")

        page = client.send("GET", "/more", headers={"cookie": f"accordant_session={forged}"})

        assert page.status_code == 303

    def test_after_sign_out_the_pages_are_closed(self, client: Client) -> None:
        client.sign_in("orla.fennick")

        client.post("/sign-out")

        assert client.get("/more").url.path == "/sign-in"


class TestWrites:
    def test_a_write_without_the_token_is_refused(self, client: Client) -> None:
        client.sign_in("juno.abelard")

        refused = client.post("/scope", token="", entity="uk01")

        assert refused.status_code == 403
        assert "too old" in refused.text

    def test_a_token_of_another_session_is_refused(self, client: Client, console: object) -> None:
        foreign = Client(console).sign_in("orla.fennick").token()  # type: ignore[arg-type]  # the app fixture
        client.sign_in("juno.abelard")

        assert client.post("/scope", token=foreign, entity="uk01").status_code == 403

    def test_a_write_from_another_site_is_refused_even_with_the_token(self, client: Client) -> None:
        client.sign_in("juno.abelard")
        data = {"csrf": client.token(), "entity": "uk01"}

        for headers in ({"origin": "https://evil.example"}, {}):
            refused = client.send("POST", "/scope", data=data, headers=headers)
            assert refused.status_code == 403
            assert "another site" in refused.text

    def test_the_token_may_come_as_a_header_as_htmx_sends_it(self, client: Client) -> None:
        client.sign_in("juno.abelard")
        headers = {"origin": "http://console.example", "x-csrf-token": client.token()}

        assert client.send("POST", "/scope", data={"entity": "uk01"}, headers=headers).status_code == 303


class TestEntityChoice:
    def test_narrows_every_page(self, client: Client) -> None:
        client.sign_in("juno.abelard")

        client.post("/scope", entity="uk01", next="/more")

        assert "Entity <b>UK01</b>" in client.get("/more").text

    def test_is_never_wider_than_the_persons_access(self, client: Client) -> None:
        client.sign_in("orla.fennick")

        refused = client.post("/scope", entity="us01")

        assert refused.status_code == 403
        assert "US01" not in client.get("/more").text


class TestHeaders:
    def test_pages_run_no_script_but_ours_and_are_not_stored(self, client: Client) -> None:
        page = client.sign_in("orla.fennick").get("/more")

        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert "<script>" not in page.text
        assert " on" + "click" not in page.text

    def test_the_session_cookie_is_kept_from_script_and_other_sites(self, client: Client) -> None:
        cookie = client.get("/sign-in").headers["set-cookie"]

        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

    def test_an_unknown_page_says_so_inside_the_frame(self, client: Client) -> None:
        page = client.sign_in("orla.fennick").get("/nothing-here")

        assert page.status_code == 404
        assert "There is no such page" in page.text


def test_a_session_lasts_a_working_day() -> None:
    assert timedelta(hours=8) < LASTS < timedelta(hours=24)
