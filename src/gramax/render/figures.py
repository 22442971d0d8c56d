"""The five pictures: every descent validated against theory first, then drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from gramax.errors import InputError
from gramax.files import check_folder, make_folder
from gramax.render import style
from gramax.render.checks import Check, FiguresError
from gramax.render.gif import durations, write_gif
from gramax.render.scenes import (
    benign_landscape,
    class_collapse,
    rank_collapse,
    simplex_descent,
    welch_descent,
)
from gramax.render.scenes.common import FRAMES

SCENES: dict[str, ModuleType] = {
    scene.NAME: scene
    for scene in (class_collapse, rank_collapse, simplex_descent, welch_descent, benign_landscape)
}
"""The pictures by name, in the order of the audit questions."""


def figures(
    out_dir: str | Path,
    only: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Check]:
    """Validate the descents against theory, then write one GIF each.

    Args:
        out_dir: folder for the pictures, made if it is missing.
        only: names of the pictures to make (with or without .gif); all of them by default.
        progress: called with a line of text for each descent and each file.

    Returns:
        The checks, all of which hold.

    Raises:
        InputError: a name in `only` is not one of the pictures, or the folder cannot be made.
        FiguresError: a descent misses its theory; nothing is written, of any picture.
        MissingExtraError: matplotlib or Pillow is not installed.
    """
    chosen = _chosen(only)
    style.require()
    check_folder(out_dir)
    say = progress or (lambda line: None)
    runs, results = {}, []
    for scene in chosen:
        runs[scene.NAME] = scene.run()
        results += scene.checks(runs[scene.NAME])
        say(f"{scene.NAME}: validated")
    if misses := [check for check in results if not check.ok]:
        raise FiguresError(misses)
    out = make_folder(out_dir)
    for scene in chosen:
        path = out / f"{scene.NAME}.gif"
        with style.look():
            write_gif(path, scene.draw(runs[scene.NAME]), durations(FRAMES))
        say(f"{path}: written")
    return results


def _chosen(only: Sequence[str] | None) -> list[ModuleType]:
    if only is None:
        return list(SCENES.values())
    names = {name.removesuffix(".gif") for name in only}
    if unknown := sorted(names - set(SCENES)):
        raise InputError(f"no picture named {', '.join(unknown)}; there are {', '.join(SCENES)}")
    return [scene for name, scene in SCENES.items() if name in names]
