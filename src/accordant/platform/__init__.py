"""Mechanisms without a business word: storage, durable runs, effects, events, HTTP, mapping, audit, telemetry.

Nothing about clients, projects or invoices belongs here.
"""
