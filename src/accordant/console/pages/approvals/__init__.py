"""Approvals inbox: exactly what is approved, decided, asked back or handed on."""
