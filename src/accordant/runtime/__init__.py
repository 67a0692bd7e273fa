"""Settings, registry, wiring, supervisor and workers: where the rooms are put together.

No business decision belongs here.
"""
