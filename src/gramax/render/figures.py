"""The five pictures: every descent is validated against theory first, then drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from gramax._files import check_folder, make_folder
from gramax.errors import InputError
from gramax.render import style
from gramax.render.gif import frame_durations, write_gif
from gramax.render.scenes.common import FRAMES, Check, FiguresError

__all__ = ["SCENES", "Check", "FiguresError", "figures", "load_scene"]

SCENES = {
    "class-collapse": "class_collapse",
    "rank-collapse": "rank_collapse",
    "simplex-descent": "simplex_descent",
    "welch-descent": "welch_descent",
    "benign-landscape": "benign_landscape",
}
"""The pictures and their modules, in the order of the audit questions."""


def load_scene(name: str) -> ModuleType:
    """The module that draws a picture; scenes import JAX, so they are loaded one by one."""
    return import_module(f"gramax.render.scenes.{SCENES[name]}")


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
    scenes = {name: load_scene(name) for name in chosen}
    runs, results = {}, []
    for name, scene in scenes.items():
        runs[name] = scene.run()
        results += scene.checks(runs[name])
        say(f"{name}: validated")
    if misses := [check for check in results if not check.ok]:
        raise FiguresError(misses)
    out = make_folder(out_dir)
    for name, scene in scenes.items():
        path = out / f"{name}.gif"
        with style.look():
            write_gif(path, scene.draw(runs[name]), frame_durations(FRAMES))
        say(f"{path}: written")
    return results


def _chosen(only: Sequence[str] | None) -> list[str]:
    names = set(SCENES) if only is None else {name.removesuffix(".gif") for name in only}
    if unknown := sorted(names - set(SCENES)):
        raise InputError(f"no picture named {', '.join(unknown)}; there are {', '.join(SCENES)}")
    return [name for name in SCENES if name in names]
