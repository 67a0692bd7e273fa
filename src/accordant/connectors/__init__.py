"""Adapters to vendor systems: each implements ports over one vendor's API and knows nobody else's.

No business decision, no retry of a write and no engine belongs here.
"""
