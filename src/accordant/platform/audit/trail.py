"""Writing the audit trail: one row per act, in the transaction of the act."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from accordant.platform.storage import execute


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    entity: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write who did what to what; `detail` holds ids, versions, money and reasons, no personal field."""
    execute(
        connection,
        """insert into audit (entity, actor, action, subject, detail)
           values (:entity, :actor, :action, :subject, :detail)""",
        entity=entity,
        actor=actor,
        action=action,
        subject=subject,
        detail=json.dumps(detail or {}),
    )
