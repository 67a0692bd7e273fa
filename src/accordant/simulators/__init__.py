"""Stand-ins for vendor systems: they speak the vendor's wire protocol and keep books of what they accepted.

A simulator follows the vendor's documents and knows nothing of our reading of them: it imports the kernel only.
"""
