"""Write the pages that are made from the code: `make docs`.

These are docs/metrics.md and the table of metrics in docs/glossary.md, from the registry;
docs/commands.md, from the click commands; and docs/reference, from the docstrings. With `--check`
nothing is written, and the exit code is 1 where a file is not what the code says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from docs.generators import commands, metrics, reference

DOCS = Path(__file__).parent


def pages() -> dict[str, str]:
    """The text of every generated page, by its path in docs/."""
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8")
    return {
        "metrics.md": metrics.page(),
        "glossary.md": metrics.glossary(glossary),
        "commands.md": commands.page(),
        **reference.pages(),
    }


def stale(texts: dict[str, str]) -> list[Path]:
    """The files that differ from their texts, and those of the reference that have none."""
    paths = {DOCS / name: text for name, text in texts.items()}
    differ = [path for path, text in paths.items() if _read(path) != text]
    return differ + [path for path in (DOCS / "reference").glob("*.md") if path not in paths]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    texts = pages()
    found = stale(texts)
    for path in found:
        name = path.relative_to(DOCS).as_posix()
        if check:
            print(f"{name} is stale: run `make docs`")
        elif name in texts:
            path.parent.mkdir(exist_ok=True)
            path.write_text(texts[name], encoding="utf-8")
            print(f"wrote {name}")
        else:
            path.unlink()
            print(f"deleted {name}, of which the code says nothing any more")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
