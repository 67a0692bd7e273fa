from __future__ import annotations

import pytest

from accordant.cases import MAX_WORDS, build_sentence, check_sentence


class TestBuildSentence:
    def test_joins_subject_block_and_reason(self):
        text = build_sentence(
            "142 approved time lines for Vierlande Pharma", "are not in the ERP", "cost center DE-4410 has no mapping"
        )

        assert text == (
            "142 approved time lines for Vierlande Pharma are not in the ERP: cost center DE-4410 has no mapping."
        )
        assert check_sentence(text) == ()

    def test_cuts_a_long_reason_instead_of_losing_the_case(self):
        text = build_sentence("Draft 1", "is stopped", " ".join(["word"] * 60))

        assert len(text.removesuffix(" …").split()) == MAX_WORDS
        assert check_sentence(text) == ()


class TestCheckSentence:
    @pytest.mark.parametrize(
        "text",
        [
            "Draft INV-UK-20418 for Castellan Rail is stopped: the purchase order has £31,150.00 left.",
            "NetSuite did not answer when INV-US-8837 was posted; the next look is at 09:52.",
            "Brightwell Diagnostics has no ERP project: two customer records match and neither may be guessed.",
        ],
    )
    def test_accepts_sentences_for_people(self, text):
        """R-EXC-01."""
        assert check_sentence(text) == ()

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("422 INVALID_REF department.", "`INVALID_REF` is a code"),
            ("Timeout posting to NetSuite (attempt 2/5).", "`2/5` is a code"),
            ("Draft 1 is stopped", "full stop"),
            ("Oops, Draft 1 is stopped.", "`oops`"),
            ("Draft 1 is stopped!.", "exclamation"),
            ("Line 4 is pending approval.", "say waits for"),
            ("A ValueError stopped draft 1.", "`ValueError` is a code"),
            (" ".join(["word"] * 29) + ".", "29 words; at most 28"),
        ],
    )
    def test_names_what_is_wrong(self, text, problem):
        assert any(problem in found for found in check_sentence(text))
