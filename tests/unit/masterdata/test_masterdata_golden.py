from __future__ import annotations

from accordant.masterdata import survivor

OWNERS = {"city": {"salesforce-main"}, "vat_number": {"netsuite-main"}, "code": {"netsuite-us", "netsuite-main"}}


def golden(**shown):
    return survivor({system.replace("_", "-"): record for system, record in shown.items()}, OWNERS.__getitem__)


class TestSurvivor:
    def test_takes_each_field_from_its_owner(self):
        """R-MDM-04."""
        result = golden(
            salesforce_main={"city": "York", "vat_number": "GB1"}, netsuite_main={"city": "Leeds", "vat_number": "GB2"}
        )

        assert result.fields == {"city": "York", "vat_number": "GB2"}
        assert result.sources == {"city": "salesforce-main", "vat_number": "netsuite-main"}
        assert result.open == {}

    def test_fills_in_nothing_for_a_silent_owner(self):
        result = golden(salesforce_main={"city": None}, netsuite_main={"city": "Leeds"})

        assert result.fields == {}
        assert result.open == {"city": {"netsuite-main": "Leeds"}}

    def test_guesses_nothing_between_two_owners_that_differ(self):
        result = golden(netsuite_us={"code": "A"}, netsuite_main={"code": "B"})

        assert result.open == {"code": {"netsuite-main": "B", "netsuite-us": "A"}}

    def test_two_owners_that_agree_decide(self):
        assert golden(netsuite_us={"code": "A"}, netsuite_main={"code": "A"}).fields == {"code": "A"}
