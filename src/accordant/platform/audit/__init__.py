"""The audit trail: appended in the transaction, sealed outside the database, verifiable by anyone with the seals.

What an act means belongs to the room that records it.
"""

from accordant.platform.audit.seal_file import KEY_FILE, SEAL_FILE, sealing_key
from accordant.platform.audit.sealer import Sealer
from accordant.platform.audit.trail import record
from accordant.platform.audit.verification import Broken, Verification, verify

__all__ = ["KEY_FILE", "SEAL_FILE", "Broken", "Sealer", "Verification", "record", "sealing_key", "verify"]
