"""Subscribers get signed CloudEvents in order per key, again until they take them, and only what they may see."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from accordant.kernel import InvalidInput, NotFound
from accordant.platform.events import Event, Past, Sequencer, Subscription, publish, replay, set_paused, subscribe
from accordant.platform.events.delivery import Deliverer, Round, Terms, backoff
from accordant.platform.storage import execute, one, rows

SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
TARGET = "http://127.0.0.1:9/hook"


class Receiver:
    """A subscriber's endpoint: verifies, remembers, and answers as told per key."""

    def __init__(self, secret=SECRET):
        self.seen = []
        self.answers = {}
        self.headers = {}
        self._secret = secret

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        event = json.loads(body)
        key = event["partitionkey"]
        status = self.answers[key].pop(0) if self.answers.get(key) else 204
        if status == "broken":
            raise httpx2.ConnectError("nobody listens")
        Webhook(self._secret).verify(body, headers)
        if status < 300:
            self.seen.append((key, event["data"].get("n"), headers["webhook-id"], event))
        extra = [(k.encode(), v.encode()) for k, v in self.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": b""})

    @property
    def order(self):
        return [(key, n) for key, n, _, _ in self.seen]


@pytest.fixture
def receiver():
    return Receiver()


def emit(database, *events):
    with database.begin() as connection:
        publish(connection, [e if isinstance(e, Event) else an_event(*e) for e in events])
    while Sequencer(database).move():
        pass


def an_event(key, n, **facts):
    return Event(**{"type": "invoice.posted", "key": key, "data": {"n": n}, "entity": "uk01", **facts})


def a_subscription(database, **facts):
    wanted = {
        "id": "sub_1",
        "owner": "bi",
        "types": ("invoice.*",),
        "target": TARGET,
        "secret_ref": "env:HOOK",
        "entities": ("*",),
    }
    with database.begin() as connection:
        subscribe(connection, Subscription(**{**wanted, **facts}), allowed_hosts={"hooks.firm.example"}, after=0)


def delivering(database, receiver, story, *, secret=SECRET, **terms):
    async def main():
        transport = httpx2.ASGITransport(app=receiver)
        async with httpx2.AsyncClient(transport=transport) as http:
            wanted = Terms(**{"pause_of": lambda _: 0.0, **terms})
            deliverer = Deliverer(database, http, lambda _: secret, source="https://a.example", terms=wanted)
            try:
                return await story(deliverer)
            finally:
                await deliverer.aclose()

    return asyncio.run(main())


def drain(database, receiver, rounds=1, **options):
    async def story(deliverer):
        return [await deliverer.deliver("sub_1") for _ in range(rounds)]

    return delivering(database, receiver, story, **options)


def standing(database):
    with database.begin() as connection:
        found = rows(connection, "select key, state, attempts, error from delivery order by position")
        return [(row.key, row.state, row.attempts) for row in found]


def due_now(database):
    with database.begin() as connection:
        execute(connection, "update delivery set next_at = clock_timestamp()")


class TestMessage:
    def test_it_is_a_signed_cloud_event(self, database, receiver):
        a_subscription(database)
        emit(database, an_event("inv_1", 1, subject="con_1"))

        assert drain(database, receiver) == [Round(1, 0)]

        [(_, _, message_id, event)] = receiver.seen
        assert {
            k: event[k] for k in ("specversion", "type", "source", "subject", "partitionkey", "entity", "data")
        } == {
            "specversion": "1.0",
            "type": "invoice.posted",
            "source": "https://a.example",
            "subject": "con_1",
            "partitionkey": "inv_1",
            "entity": "uk01",
            "data": {"n": 1},
        }
        assert message_id == f"evt_{event['id']}"
        assert datetime.fromisoformat(event["time"]).tzinfo
        assert standing(database) == []

    def test_another_secret_does_not_verify_it(self, database):
        a_subscription(database)
        emit(database, ("inv_1", 1))
        other = "whsec_" + base64.b64encode(b"t" * 24).decode()

        with pytest.raises(WebhookVerificationError):
            drain(database, Receiver(other))

    def test_while_a_secret_is_replaced_both_signatures_go_along(self, database):
        a_subscription(database)
        emit(database, ("inv_1", 1), ("inv_2", 1))
        new = "whsec_" + base64.b64encode(b"t" * 24).decode()

        for secret in (SECRET, new):
            receiver = Receiver(secret)
            with database.begin() as connection:
                execute(connection, "update subscription set position = 0")
            assert drain(database, receiver, secret=f"{SECRET} {new}") == [Round(2, 0)]

    @pytest.mark.parametrize("secret", ["", "whsec_!"])
    def test_a_useless_secret_is_a_failure_that_says_so(self, database, receiver, secret):
        a_subscription(database)
        emit(database, ("inv_1", 1))

        assert drain(database, receiver, secret=secret) == [Round(0, 1)]
        with database.begin() as connection:
            assert "secret" in one(connection, "select error from delivery").error


class TestOrder:
    def test_events_of_a_key_arrive_in_order(self, database, receiver):
        """R-EVT-08."""
        a_subscription(database)
        emit(database, *[(f"inv_{n % 3}", n) for n in range(30)])

        drain(database, receiver, rounds=4, batch=10)

        for key in ("inv_0", "inv_1", "inv_2"):
            numbers = [n for k, n in receiver.order if k == key]
            assert numbers == sorted(numbers)
            assert len(numbers) == 10

    def test_a_failed_event_holds_back_only_later_events_of_its_key(self, database, receiver):
        a_subscription(database)
        receiver.answers = {"inv_1": [500]}
        emit(database, ("inv_1", 1), ("inv_2", 1), ("inv_1", 2))

        assert drain(database, receiver, pause_of=lambda _: 60.0) == [Round(1, 1)]
        emit(database, ("inv_1", 3), ("inv_2", 2))
        assert drain(database, receiver) == [Round(1, 0)]

        assert receiver.order == [("inv_2", 1), ("inv_2", 2)]
        assert standing(database) == [("inv_1", "failed", 1), ("inv_1", "failed", 0), ("inv_1", "failed", 0)]

        due_now(database)
        drain(database, receiver)
        assert receiver.order[2:] == [("inv_1", 1), ("inv_1", 2), ("inv_1", 3)]
        assert standing(database) == []

    def test_nobody_listening_is_a_failure_like_any_other(self, database, receiver):
        a_subscription(database)
        receiver.answers = {"inv_1": ["broken"]}
        emit(database, ("inv_1", 1))

        assert drain(database, receiver, rounds=2) == [Round(0, 1), Round(1, 0)]

    def test_a_redirect_is_not_followed(self, database, receiver):
        a_subscription(database)
        receiver.answers = {"inv_1": [307]}
        receiver.headers = {"location": "https://elsewhere.example/"}
        emit(database, ("inv_1", 1))

        assert drain(database, receiver) == [Round(0, 1)]


class TestGivingUp:
    def test_after_the_last_attempt_an_event_is_dead_and_its_key_goes_on(self, database, receiver):
        """R-RES-02."""
        a_subscription(database)
        receiver.answers = {"inv_1": [500, 503]}
        emit(database, ("inv_1", 1), ("inv_1", 2))

        assert drain(database, receiver, rounds=3, max_attempts=2) == [Round(0, 1), Round(0, 1), Round(1, 0)]

        assert receiver.order == [("inv_1", 2)]
        assert standing(database) == [("inv_1", "dead", 2)]

    def test_a_receiver_may_ask_for_more_time(self, database, receiver):
        a_subscription(database)
        receiver.answers = {"inv_1": [429]}
        receiver.headers = {"retry-after": "120"}
        emit(database, ("inv_1", 1))
        drain(database, receiver)

        with database.begin() as connection:
            wait = one(connection, "select next_at - clock_timestamp() as wait from delivery").wait
        assert timedelta(seconds=110) < wait <= timedelta(seconds=120)

    def test_a_receiver_that_is_gone_pauses_its_subscription_and_loses_nothing(self, database, receiver):
        """R-EVT-10."""
        a_subscription(database)
        receiver.answers = {"inv_1": [410]}
        emit(database, ("inv_1", 1), ("inv_1", 2))

        assert drain(database, receiver, rounds=2) == [Round(0, 1), None]

        with database.begin() as connection:
            set_paused(connection, "sub_1", paused=False)
        drain(database, receiver)
        assert receiver.order == [("inv_1", 1), ("inv_1", 2)]

    def test_a_receiver_that_takes_nothing_leaves_its_events_in_the_log(self, database, receiver):
        a_subscription(database)
        receiver.answers = {f"inv_{n}": [500] * 5 for n in range(10)}
        emit(database, *[(f"inv_{n}", 1) for n in range(10)])

        drain(database, receiver, rounds=4, batch=2, pause_of=lambda _: 60.0)

        with database.begin() as connection:
            assert one(connection, "select position from subscription").position == 2
        assert len(standing(database)) == 2

    def test_the_pauses_grow_to_an_hour(self):
        assert [round(backoff(n) / 5) for n in (1, 2)] == [1, 2]
        assert 3240 <= backoff(50) <= 3960


class TestScope:
    def test_only_the_types_and_entities_of_the_subscription(self, database, receiver):
        a_subscription(database, entities=("uk01",))
        emit(
            database,
            an_event("inv_1", 1),
            an_event("inv_2", 1, entity="de01"),
            an_event("con_1", 1, type="contract.signed"),
        )
        drain(database, receiver)

        assert receiver.order == [("inv_1", 1)]

    def test_no_entity_set_is_nothing_seen(self, database, receiver):
        a_subscription(database, entities=())
        emit(database, ("inv_1", 1))

        assert drain(database, receiver) == [Round(0, 0)]

    @pytest.mark.parametrize(
        "target",
        [
            "http://hooks.firm.example/x",
            "https://elsewhere.example/x",
            "https://hooks.firm.example@elsewhere.example/x",
            "https://u:p@hooks.firm.example/x",
            "https://hooks.firm.example.elsewhere.example/x",
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
            "nats:invoices",
            "",
        ],
    )
    def test_other_targets_are_refused(self, database, target):
        with pytest.raises(InvalidInput):
            a_subscription(database, target=target)

    def test_a_target_changed_behind_our_back_is_refused_at_sending(self, database, receiver):
        a_subscription(database)
        emit(database, ("inv_1", 1))
        with database.begin() as connection:
            execute(connection, "update subscription set target = 'https://elsewhere.example/'")

        assert drain(database, receiver) == [Round(0, 1)]
        assert receiver.seen == []


class TestReplay:
    def ask(self, database, past):
        with database.begin() as connection:
            return replay(connection, "sub_1", past)

    @pytest.fixture
    def delivered(self, database, receiver):
        a_subscription(database)
        emit(
            database,
            an_event("inv_1", 1, subject="con_1"),
            an_event("inv_2", 1, subject="con_2"),
            an_event("inv_1", 2, subject="con_1"),
        )
        drain(database, receiver)
        self.ids = {(key, n): id for key, n, id, _ in receiver.seen}
        receiver.seen.clear()
        return database

    @pytest.mark.parametrize(
        ("past", "expected"),
        [
            (Past(positions=(2, 3)), [("inv_1", 2), ("inv_2", 1)]),
            (Past(key="inv_1"), [("inv_1", 1), ("inv_1", 2)]),
            (Past(subject="con_2"), [("inv_2", 1)]),
            (
                Past(window=(datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC))),
                [("inv_1", 1), ("inv_1", 2), ("inv_2", 1)],
            ),
            (Past(window=(datetime(2000, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC))), []),
        ],
    )
    def test_by_position_key_window_or_correlation_under_the_same_ids(self, delivered, receiver, past, expected):
        """R-EVT-07."""
        assert self.ask(delivered, past) == len(expected)
        drain(delivered, receiver)

        assert sorted(receiver.order) == expected
        assert {(key, n): id for key, n, id, _ in receiver.seen} == {e: self.ids[e] for e in expected}
        assert standing(delivered) == []

    def test_only_the_dead(self, database, receiver):
        a_subscription(database)
        receiver.answers = {"inv_1": [500]}
        emit(database, ("inv_1", 1), ("inv_2", 1))
        drain(database, receiver, max_attempts=1)
        assert self.ask(database, Past(dead_only=True)) == 1

        drain(database, receiver)

        assert receiver.order == [("inv_2", 1), ("inv_1", 1)]

    def test_never_what_the_subscription_may_not_see(self, database, receiver):
        a_subscription(database, entities=("uk01",))
        emit(database, an_event("inv_2", 1, entity="de01"))
        drain(database, receiver)

        assert self.ask(database, Past(key="inv_2")) == 0

    def test_everything_by_mistake_is_refused(self, delivered):
        with pytest.raises(InvalidInput, match="which events"):
            self.ask(delivered, Past())

    def test_an_unknown_subscription_is_not_found(self, database):
        with pytest.raises(NotFound):
            self.ask(database, Past(key="inv_1"))


class TestOneAtATime:
    def test_a_subscription_is_served_by_one_process(self, database, receiver):
        a_subscription(database)
        emit(database, ("inv_1", 1))

        async def story(first):
            assert await first.deliver("sub_1") == Round(1, 0)
            second = Deliverer(database, httpx2.AsyncClient(), lambda _: SECRET)
            assert await second.deliver("sub_1") is None
            await first.aclose()
            assert await second.deliver("sub_1") == Round(0, 0)
            await second.aclose()

        delivering(database, receiver, story)

    def test_who_lost_its_connection_records_nothing_and_the_next_sends_again(self, database):
        a_subscription(database)
        emit(database, ("inv_1", 1))

        class Cutting(Receiver):
            async def __call__(self, scope, receive, send):
                if not self.seen:
                    with database.begin() as connection:
                        execute(
                            connection,
                            """select pg_terminate_backend(pid) from pg_locks
                               where locktype = 'advisory' and classid = 7301003 and granted
                                 and database = (select oid from pg_database where datname = current_database())""",
                        )
                await super().__call__(scope, receive, send)

        receiver = Cutting()

        async def story(deliverer):
            working = asyncio.create_task(deliverer.run(pause_s=0.02))
            for _ in range(200):
                await asyncio.sleep(0.02)
                if len(receiver.seen) == 2 and not standing(database):
                    break
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

        delivering(database, receiver, story)

        assert receiver.order == [("inv_1", 1), ("inv_1", 1)]
        assert len({id for _, _, id, _ in receiver.seen}) == 1
        assert standing(database) == []

    def test_run_delivers_until_it_is_cancelled(self, database, receiver):
        a_subscription(database)
        emit(database, *[("inv_1", n) for n in range(5)])

        async def story(deliverer):
            working = asyncio.create_task(deliverer.run(pause_s=0.02))
            for _ in range(200):
                await asyncio.sleep(0.02)
                if len(receiver.seen) == 5:
                    break
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

        delivering(database, receiver, story)

        assert receiver.order == [("inv_1", n) for n in range(5)]
