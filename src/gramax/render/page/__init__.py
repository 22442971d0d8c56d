"""The page that one can send: an audit, or a comparison, as one self-contained HTML file."""

from gramax.render.page.pages import audit_page, comparison_page

__all__ = ["audit_page", "comparison_page"]
