"""The page that one can send: an audit or a decision as one HTML file."""

from gramax.render.page.pages import audit_page, decision_page

__all__ = ["audit_page", "decision_page"]
