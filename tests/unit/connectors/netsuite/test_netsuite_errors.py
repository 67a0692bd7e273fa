"""The table of refusals: each known sentence has a code and a remedy."""

from __future__ import annotations

import json

import pytest

from accordant.connectors.netsuite.errors import AWAIT_JOB, TASK_RESULT, classify
from accordant.kernel import (
    AccordantError,
    AuthExpired,
    ContractDrift,
    KeyConflict,
    NotFound,
    RateLimited,
    Rejected,
    Retryable,
)
from accordant.platform.http import Response


def answer(status: int, code: str = "USER_ERROR", detail: str = "", operation: str = "x", **headers: str) -> Response:
    body = {"title": "t", "status": status, "o:errorDetails": [{"detail": detail, "o:errorCode": code}]}
    return Response(status, {"content-type": "application/json", **headers}, json.dumps(body).encode(), "ns", operation)


class TestClassify:
    @pytest.mark.parametrize(
        ("detail", "kind", "code"),
        [
            ("The posting period Feb 2027 is closed for this transaction.", Rejected, "erp.invoice.period_closed"),
            ("You cannot save this record because the period is locked.", Rejected, "erp.invoice.period_closed"),
            ("There is no posting period for the date 1/1/2029.", Rejected, "erp.invoice.period_missing"),
            ("Invalid currency reference key 3 for entity 601.", Rejected, "erp.customer.currency_missing"),
            ("Invalid subsidiary reference key 2 for entity 601.", Rejected, "erp.customer.wrong_entity"),
            ("Invalid job reference key 602 for entity 601.", Rejected, "erp.project.wrong_customer"),
            ("This entity already exists.", KeyConflict, "erp.key.taken"),
            ("The external id has already been used.", KeyConflict, "erp.key.taken"),
            ("This transaction has been posted: it can no longer be edited.", Rejected, "erp.document.posted"),
            ("This time entry cannot be edited because it has been approved.", Rejected, "erp.time.locked"),
            ("Time entry 9000 has already been billed.", Rejected, "erp.time.locked"),
            ("Invalid employee reference key 5: the employee is inactive.", Rejected, "erp.record.inactive"),
            ("Please enter value(s) for: subsidiary.", Rejected, "erp.field.missing"),
            ("Unknown reference or field: custbody_x on record invoice.", ContractDrift, "erp.field.unknown"),
            (
                "You have entered an Invalid Field Value 9 for field: item.",
                Rejected,
                "erp.reference.unknown",
            ),
            ("This record cannot be deleted because it has dependent records.", Rejected, "erp.record.in_use"),
        ],
    )
    def test_tells_business_rules_by_their_sentence(self, detail: str, kind: type[AccordantError], code: str) -> None:
        error = classify(answer(400, detail=f"Error while accessing a resource. {detail}"))

        assert type(error) is kind
        assert error.code == code
        assert error.remedy

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (401, "INVALID_LOGIN", AuthExpired),
            (404, "NONEXISTENT_ID", NotFound),
            (403, "INSUFFICIENT_PERMISSION", Rejected),
            (400, "INVALID_PARAMETER", ContractDrift),
            (429, "CONCURRENCY_LIMIT_EXCEEDED", RateLimited),
            (400, "SSS_REQUEST_LIMIT_EXCEEDED", RateLimited),
        ],
    )
    def test_tells_the_rest_by_status_and_code(self, status: int, code: str, kind: type[AccordantError]) -> None:
        assert type(classify(answer(status, code))) is kind

    def test_obeys_a_wait_the_vendor_names(self) -> None:
        error = classify(answer(429, "X", **{"retry-after": "7"}))

        assert isinstance(error, RateLimited)
        assert error.retry_after_s == 7

    def test_leaves_what_it_does_not_know_to_the_status(self) -> None:
        assert classify(answer(400, detail="Something new.")) is None
        assert classify(answer(500, "UNEXPECTED_ERROR")) is None
        assert classify(Response(200, {}, b"{}")) is None

    def test_keeps_names_out_of_its_detail(self) -> None:
        error = classify(answer(400, detail="Invalid Field Value Ada Worker for the following field: employee."))

        assert error is not None
        assert "Ada" not in json.dumps(error.as_dict())

    def test_takes_a_failed_record_of_a_batch_for_its_own_failure(self) -> None:
        assert isinstance(classify(answer(500, "UNEXPECTED_ERROR", operation=TASK_RESULT)), Rejected)

    def test_has_a_running_job_asked_again(self) -> None:
        running = Response(200, {"content-type": "application/json"}, b'{"completed": false}', "ns", AWAIT_JOB)
        done = Response(200, {"content-type": "application/json"}, b'{"completed": true}', "ns", AWAIT_JOB)

        assert type(classify(running)) is Retryable
        assert classify(done) is None
