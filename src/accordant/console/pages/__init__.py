"""The pages: one folder each, with `routes.py`, `view.py` and `page.html`; registered in `console.nav`."""
