"""More: every place of the rail, the entity choice and the theme, for small screens."""
