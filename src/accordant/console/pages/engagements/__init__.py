"""Engagements as a list: client, entity, four states, blockers, unbilled value, next billing date; CSV of the same."""
