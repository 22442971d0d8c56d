"""The page that one can send: an audit, a comparison or a decision as one HTML file."""

from gramax.render.page.pages import audit_page, comparison_page, decision_page

__all__ = ["audit_page", "comparison_page", "decision_page"]
