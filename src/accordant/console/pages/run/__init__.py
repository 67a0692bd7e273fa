"""Run page: stages, steps in time, writes outside, gates, events and acts of one run."""
