"""Where this installation finds its estate, its database and its data; all from the environment, all with a default."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIGRATIONS = Path(__file__).parent / "migrations"


class Settings(BaseSettings):
    """Settings of every process of the product.

    Args:
        estate: folder of the estate files.
        data: folder for what this machine keeps: the embedded database, audit seals, backups.
        database_url: a PostgreSQL of your own; empty for the embedded one. Workers open it as their own role.
        lease_s: how long a silent process keeps its work.
        workers: worker processes that the supervisor starts.
        haste: how much more often feeds are read than by default; the demo is in haste.
        host: where API and console listen.
        port: of API and console.
        retention_days: how long the steps of ended runs are kept; their keys, effects and gates stay.
        seals: this process seals the audit trail into the data folder; the supervisor gives it to one worker.
        event_hosts: where events may be sent by https, beside this machine; JSON: `["hooks.example"]`.
    """

    model_config = SettingsConfigDict(env_prefix="ACCORDANT_", extra="ignore")

    estate: Path = Path("estates/demo")
    data: Path = Path("var")
    database_url: str = ""
    lease_s: float = Field(default=30.0, gt=0)
    workers: int = Field(default=1, ge=1, le=32)
    haste: float = Field(default=1.0, gt=0)
    host: str = "127.0.0.1"
    port: int = 8300
    retention_days: int = Field(default=400, ge=30)
    seals: bool = False
    event_hosts: tuple[str, ...] = ()
