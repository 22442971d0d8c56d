"""From a template and data to one self-contained HTML file under a strict content policy.

Style and script are inline and allowed by their hash; nothing else may load or run. Jinja escapes
every text; data for the script is JSON in a block that no text can end.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from gramax._text import named
from gramax._version import __version__
from gramax.metrics.registry import METRICS
from gramax.render import number_text

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("tables.js", "heat.js", "cloud.js", "ready.js")


def render_page(name: str, data: dict[str, Any], **values: Any) -> str:
    """One HTML page: a file of `templates`, JSON-ready data for the script, what is shown."""
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8").strip()
    js = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS).strip()
    policy = (
        f"default-src 'none'; style-src '{digest(css)}'; script-src '{digest(js)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    values |= {"css": Markup(css), "js": Markup(js), "policy": policy, "version": __version__}
    return template(name).render(island=island(data), **values)


def island(data: Any) -> Markup:
    r"""JSON that cannot end the block it stands in, whatever texts it holds.

    Example:
        >>> print(island({"name": "</script><b>"}))
        {"name":"\u003c/script\u003e\u003cb\u003e"}
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # escaped above


def digest(text: str) -> str:
    """The hash by which a content policy allows a style or a script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def template(name: str) -> Template:
    """A file of the `templates` folder, ready to be filled in."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = vars(number_text)
    environment.filters |= {name: f for name, f in texts.items() if callable(f)} | {"named": named}
    environment.globals |= {name: table for name, table in texts.items() if name.isupper()}
    environment.globals |= {"METRICS": METRICS}
    return environment.get_template(name)
