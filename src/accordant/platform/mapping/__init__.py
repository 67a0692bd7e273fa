"""Declarative mappings between a vendor's records and a model: reading, writing, drift, lineage, documentation.

The language is shown in README.md. No business word and no vendor belongs here; declarations live with connectors.
"""

from accordant.platform.mapping.mapping import Mapping, ReadResult
from accordant.platform.mapping.transforms import Ref, Resolver, Transform

__all__ = ["Mapping", "ReadResult", "Ref", "Resolver", "Transform"]
