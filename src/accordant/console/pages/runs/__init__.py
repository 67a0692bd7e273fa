"""Runs: work orders with their attempts, the flow with counts per stage, who works on them."""
