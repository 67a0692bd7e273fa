"""Accordant: the governed layer between the systems of a professional-services firm."""
