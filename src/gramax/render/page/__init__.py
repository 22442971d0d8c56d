"""The page that one can send: an audit, or a comparison, as one self-contained HTML file."""

from gramax.render.page.audit import audit_page
from gramax.render.page.comparison import comparison_page

__all__ = ["audit_page", "comparison_page"]
