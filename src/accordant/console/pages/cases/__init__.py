"""Exceptions queue: what waits for a person, by what is at stake and until when; in bulk, by cause, as a file."""
