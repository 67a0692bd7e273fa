"""The wire code of Graph: filters that cannot be broken out of, refusals that say what to do next."""

import json

import pytest

from accordant.connectors._shared.graph import any_of, classify, one_of, starts_with
from accordant.kernel import Bug, ContractDrift, KeyConflict, NotFound, Rejected, Retryable
from accordant.platform.http import Response


class TestFilters:
    def test_quotes_values_and_doubles_quotes(self):
        assert one_of("mail", ["o'hara@x.example", "a') or (1 eq 1"]).text == (
            "mail in ('o''hara@x.example','a'') or (1 eq 1')"
        )

    def test_joins_by_or(self):
        joined = any_of(starts_with("mailNickname", "a"), starts_with("mailNickname", "b'"))

        assert joined.text == "startswith(mailNickname,'a') or startswith(mailNickname,'b''')"

    @pytest.mark.parametrize("field", ["", "mail eq 'x' or mail", "mail'", "1mail"])
    def test_takes_names_of_properties_only(self, field):
        with pytest.raises(Bug):
            one_of(field, ["x"])

    @pytest.mark.parametrize("count", [0, 16])
    def test_holds_one_to_fifteen_values(self, count):
        with pytest.raises(Bug):
            one_of("mail", ["x"] * count)

    def test_joins_at_least_one(self):
        with pytest.raises(Bug):
            any_of()


def refusal(status, code="", message="", details=None):
    body = {"error": {"code": code, "message": message, "details": details}}
    return classify(Response(status, {"content-type": "application/json"}, json.dumps(body).encode()))


class TestClassify:
    @pytest.mark.parametrize(
        ("status", "facts", "kind", "code"),
        [
            (400, {"message": "Invalid value"}, Rejected, "graph.refused"),
            (400, {"message": "… references already exist for …"}, KeyConflict, "graph.already_there"),
            (400, {"details": [{"target": "mailNickname", "code": "ObjectConflict"}]}, KeyConflict, "graph.name_taken"),
            (422, {"details": [{"target": "mailNickname", "code": "MissingPrefixSuffix"}]}, Rejected, "graph.refused"),
            (
                422,
                {"details": [{"target": "mailNickname", "code": "PropertyConflict"}]},
                KeyConflict,
                "graph.name_taken",
            ),
            (403, {"code": "Forbidden"}, Rejected, "graph.forbidden"),
            (403, {"code": "BotNotInConversationRoster"}, Rejected, "graph.bot_absent"),
            (404, {"code": "NotFound"}, NotFound, "graph.not_found"),
            (409, {"code": "Conflict"}, KeyConflict, "graph.already_there"),
            (410, {"code": "resyncRequired"}, ContractDrift, "graph.resync"),
            (412, {"code": "PreconditionFailed"}, Retryable, "graph.changed_meanwhile"),
            (423, {"code": "resourceLocked"}, Retryable, "graph.locked"),
        ],
    )
    def test_says_what_to_do_next(self, status, facts, kind, code):
        error = refusal(status, **facts)

        assert type(error) is kind
        assert error.code == code
        assert error.remedy

    @pytest.mark.parametrize("status", [200, 202, 401, 429, 500, 503])
    def test_leaves_the_rest_to_the_status(self, status):
        assert refusal(status) is None

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"error": "text"}'])
    def test_reads_a_refusal_of_another_shape(self, content):
        error = classify(Response(403, {"content-type": "application/json"}, content))

        assert error.code == "graph.forbidden"

    def test_tells_nothing_of_what_was_sent(self):
        error = refusal(400, message="'Ada Lovelace' is not a lawful name")

        assert "Ada" not in str(error.as_dict())
