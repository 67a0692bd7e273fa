"""Read models and key figures: pure functions of a connection that return frozen models; each number has one rule.

Nothing is changed here, no system is called, and nothing is rendered.
"""
