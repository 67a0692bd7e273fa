"""The schema's history: one revision per release, each room's tables in a file of its own under `sql/`."""
