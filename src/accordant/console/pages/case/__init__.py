"""Exception page and side panel: why, what to do, what was written, and every act with its effects shown first."""
