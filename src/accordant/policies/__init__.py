"""Decision tables: the firm's rules as rows with reason, remedy, author and dates, and cases that prove them.

Only the evaluation and checking of tables belongs here; the tables themselves are files of an estate, and no flow,
connector or database is known.
"""

from accordant.policies.cases import Finding
from accordant.policies.policy_set import PolicySet
from accordant.policies.row import Row
from accordant.policies.table import Decision, Header, Hit, HitPolicy, Table

__all__ = ["Decision", "Finding", "Header", "Hit", "HitPolicy", "PolicySet", "Row", "Table"]
