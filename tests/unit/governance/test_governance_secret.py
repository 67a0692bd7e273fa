from __future__ import annotations

import pytest

from accordant.governance import resolve
from accordant.kernel import InvalidInput


class TestResolve:
    """R-SEC-03."""

    def test_reads_the_environment(self):
        assert resolve("env:TOKEN", environ={"TOKEN": "s3"}).get_secret_value() == "s3"

    def test_reads_a_file_beside_the_estate(self, tmp_path):
        (tmp_path / "token").write_text("s3\n")

        assert resolve("file:token", folder=tmp_path).get_secret_value() == "s3"

    @pytest.mark.parametrize("reference", ["env:NOWHERE", "file:nowhere"])
    def test_names_a_reference_that_leads_nowhere(self, reference, tmp_path):
        with pytest.raises(InvalidInput, match=reference) as refused:
            resolve(reference, folder=tmp_path, environ={})
        assert refused.value.code == "secret.missing"

    def test_an_empty_secret_is_missing(self):
        with pytest.raises(InvalidInput, match="env:TOKEN is not there"):
            resolve("env:TOKEN", environ={"TOKEN": ""})

    @pytest.mark.parametrize("text", ["tok-5f2a9c", "vault:tok-5f2a9c", "env:"])
    def test_never_repeats_a_text_that_may_be_the_secret(self, text):
        with pytest.raises(InvalidInput) as refused:
            resolve(text, environ={})

        assert refused.value.code == "secret.not_a_reference"
        assert "5f2a9c" not in str(refused.value) + refused.value.remedy

    def test_is_masked_when_printed(self):
        assert "s3" not in repr(resolve("env:TOKEN", environ={"TOKEN": "s3"}))
