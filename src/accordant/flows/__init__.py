"""The firm's workflows as stories over canonical objects; each is a package of its own and names no vendor.

No SQL, no HTTP, no clock and no `except Exception` belong here.
"""
