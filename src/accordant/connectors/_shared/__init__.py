"""Wire code that several connectors of one vendor family share; no business word."""
