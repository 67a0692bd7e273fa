"""The audit trail: appended in the transaction, sealed outside the database, verifiable by anyone with the seals."""

from accordant.platform.audit.trail import record

__all__ = ["record"]
