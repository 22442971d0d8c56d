"""Docstrings and signatures as Markdown.

Docstrings here are written in Google's style, in which a line such as `Args:` opens a section of
indented entries. The sections become lists, so that a page reads as text and no line is cut off.
"""

from __future__ import annotations

import inspect
import re
import textwrap

SIGNATURE_WIDTH = 84
"""Characters that fit into one line of a page that is 1,200 pixels wide."""

SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Source|Example|Examples):$")
ENTRY = re.compile(r"^([*\w][\w., *]*): (.*)$", re.DOTALL)
CODE_SPAN = re.compile(r"(``?)(.+?)\1", re.DOTALL)
TITLES = {"Args": "Arguments", "Example": "Example", "Examples": "Example"}


def signature_block(title: str, signature: str) -> str:
    """The signature of `title` as a block of text; long ones continue on indented lines."""
    wrapped = textwrap.fill(
        f"{title}{signature}",
        width=SIGNATURE_WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"```text\n{wrapped}\n```\n"


def signature_of(value, bound: int = 0) -> str:
    """The signature without types; without its first `bound` parameters (`self`, `cls`)."""
    found = inspect.signature(value)
    parameters = [one.replace(annotation=one.empty) for one in found.parameters.values()]
    return str(found.replace(parameters=parameters[bound:], return_annotation=found.empty))


def docstring(doc: str) -> str:
    """A docstring in Google's style, as Markdown."""
    parts: list[str] = []
    lines = doc.splitlines()
    while lines:
        section = SECTION.match(lines[0])
        if section:
            body, lines = _indented(lines[1:])
            parts.append(_section(section[1], textwrap.dedent("\n".join(body)).strip("\n")))
        else:
            body = [lines.pop(0)]
            while lines and not SECTION.match(lines[0]):
                body.append(lines.pop(0))
            parts.append(_text("\n".join(body)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _indented(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines that belong to a section, and those after it."""
    end = next((k for k, line in enumerate(lines) if line and line[0] != " "), len(lines))
    return lines[:end], lines[end:]


def _section(name: str, body: str) -> str:
    title = f"**{TITLES.get(name, name)}**"
    if name.startswith("Example"):
        return f"{title}\n\n```pycon\n{body}\n```"
    if name in ("Returns", "Yields", "Source"):
        return f"{title}: {_text(body)}"
    return f"{title}\n\n" + "\n".join(_item(entry) for entry in _entries(body))


def _entries(body: str) -> list[str]:
    """Entries start at the margin; what is indented below one belongs to it."""
    return [entry for entry in re.split(r"\n(?=\S)", body) if entry.strip()]


def _item(entry: str) -> str:
    first, _, rest = entry.partition("\n")
    text = f"{first}\n{textwrap.dedent(rest)}".strip()
    found = ENTRY.match(text)
    if not found:
        return f"- {_indent(_text(text))}"
    return f"- `{found[1]}`: {_indent(_text(found[2]))}"


def _indent(text: str) -> str:
    return textwrap.indent(text, "  ").lstrip()


def _text(body: str) -> str:
    """Paragraphs: prose is escaped, what is indented or starts with `>>>` is shown as it stands."""
    paragraphs = [one.strip("\n") for one in re.split(r"\n\s*\n", body) if one.strip()]
    return "\n\n".join(map(_paragraph, paragraphs))


def _paragraph(text: str) -> str:
    if text.lstrip().startswith(">>>"):
        return f"```pycon\n{textwrap.dedent(text)}\n```"
    if text.startswith("    "):
        return f"```text\n{textwrap.dedent(text)}\n```"
    return escaped(text)


def escaped(text: str) -> str:
    """Text whose characters mean themselves in Markdown; code in backticks is left as it is."""
    pieces: list[str] = []
    position = 0
    for code in CODE_SPAN.finditer(text):
        pieces += [_plain(text[position : code.start()]), f"`{' '.join(code[2].split())}`"]
        position = code.end()
    return "".join([*pieces, _plain(text[position:])])


def _plain(text: str) -> str:
    text = re.sub(r"([\\*\[\]<>$])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table; bars within cells are escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines
    )
