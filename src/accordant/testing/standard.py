"""What every connector owes: its files, an honest manifest, a probe, and a calm way through trouble."""

from __future__ import annotations

import importlib
import tomllib
from importlib.resources import files
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from accordant.kernel import AccordantError, RateLimited, Retryable
from accordant.ports import capabilities_of
from accordant.testing.bench import Bench
from accordant.testing.suite import ContractSuite, check

FILES = ("manifest.toml", "settings.py", "auth.py", "payloads.py", "diagnostics.py", "README.md")


class ConnectorContract(ContractSuite):
    """Checks of the connector as a whole. Give `package` when it does not live in `accordant.connectors`."""

    package: str = ""

    @property
    def folder(self) -> Any:
        """The connector's package."""
        return files(self.package or f"accordant.connectors.{self.connector}")

    @property
    def manifest(self) -> dict[str, Any]:
        """Its manifest."""
        return tomllib.loads((self.folder / "manifest.toml").read_text(encoding="utf-8"))

    @pytest.mark.parametrize("name", FILES)
    def test_it_has_the_file_that_everybody_looks_for(self, name: str) -> None:
        """A connector is a folder with the same file names every time."""
        assert (self.folder / name).is_file()

    @check()
    async def test_the_manifest_names_exactly_the_capabilities_that_are_implemented(self, bench: Bench) -> None:
        """No claim beyond the code, no code that nobody hears of."""
        implemented = [capability.__name__ for capability in capabilities_of(type(bench.connector))]

        assert sorted(self.manifest["capabilities"]) == implemented

    def test_the_manifest_says_who_owns_it_and_what_it_was_checked_against(self) -> None:
        """Owner, login, limits, the vendor's version with the day it was read."""
        manifest = self.manifest

        assert manifest["owner"]
        assert manifest["auth"]
        assert manifest["limits"]["concurrency"] >= 1
        assert manifest["settle_s"] >= 0
        assert manifest["vendor"]["api_version"]
        assert manifest["vendor"]["checked_on"]

    def test_settings_are_frozen_and_have_no_default_for_a_secret_or_an_address(self) -> None:
        """A forgotten secret stops the start instead of opening a door."""
        module = importlib.import_module(f"{self.package or f'accordant.connectors.{self.connector}'}.settings")
        models = [m for m in vars(module).values() if isinstance(m, type) and issubclass(m, BaseModel)]
        (model,) = [m for m in models if m.__module__ == module.__name__ and m.__name__.endswith("Settings")]

        assert model.model_config.get("frozen")
        for name, field in model.model_fields.items():
            if field.annotation is SecretStr or name == "url":
                assert field.is_required(), name

    @check()
    async def test_a_probe_logs_in_and_reads(self, bench: Bench) -> None:
        """It answers with what it found, as a model that can be shown."""
        found = await bench.connector.probe()

        assert found is not None

    @check("faults")
    async def test_a_throttled_read_is_waited_out_or_says_how_long_to_wait(self, bench: Bench) -> None:
        """A short wait the caller does not notice; a quota that is used up is his to plan for."""
        bench.require("429")
        armed = bench.fault("429")

        try:
            await bench.connector.probe()
        except RateLimited as error:
            assert error.retry_after_s > 0

        assert armed.struck == 1

    @check("faults")
    @pytest.mark.parametrize("fault", ["500", "html_error", "half_body", "timeout_before_commit"])
    async def test_a_system_that_is_down_is_unavailable_and_back_again(self, bench: Bench, fault: str) -> None:
        """What may be asked again later is Retryable, names the system, and leaves nothing broken behind."""
        bench.require(fault)
        bench.fault(fault, times=None)

        with pytest.raises(Retryable) as down:
            await bench.connector.probe()
        bench.calm()

        assert down.value.system == bench.connector.system
        assert await bench.connector.probe() is not None

    @check("faults", "expired_token")
    async def test_an_expired_token_is_renewed_or_the_refusal_says_what_to_do(self, bench: Bench) -> None:
        """A login that can be repeated is repeated; a token that people issue is asked for by name."""
        await bench.connector.probe()  # now there is a token
        bench.fault("expired_token")

        try:
            await bench.connector.probe()
        except AccordantError as error:
            assert error.remedy, error
        bench.calm()

        assert await bench.connector.probe() is not None

    @check("faults")
    async def test_no_error_shows_a_secret(self, bench: Bench) -> None:
        """Whatever the door says."""
        assert bench.secrets, "name the connection's secrets on the bench"
        for fault in ("500", "html_error", "expired_token"):
            if fault in bench.lacks:
                continue
            bench.fault(fault, times=None)
            with pytest.raises(AccordantError) as seen:
                await bench.connector.probe()
            bench.calm()
            assert not any(secret in f"{seen.value.as_dict()} {seen.value!r}" for secret in bench.secrets)
