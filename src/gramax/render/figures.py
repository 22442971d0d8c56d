"""The five pictures: every descent is validated against theory first, then drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gramax._files import check_folder, make_folder
from gramax.errors import InputError
from gramax.render import style
from gramax.render.gif import write_film

SCENES = (
    "class-collapse",
    "rank-collapse",
    "simplex-descent",
    "welch-descent",
    "benign-landscape",
)
"""The pictures, in the order of the audit questions; each is a function of `scenes`."""


@dataclass(frozen=True)
class Check:
    """One measured number and the number that theory expects."""

    scene: str
    name: str
    measured: float
    expected: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the two agree; NaN never does."""
        return abs(self.measured - self.expected) <= self.tolerance

    def __str__(self) -> str:
        return (
            f"{self.scene}: {self.name}: measured {self.measured:.6g}, "
            f"expected {self.expected:.6g} (within {self.tolerance:g})"
        )


class FiguresError(RuntimeError):
    """A descent that missed the theory, so that no picture was written; every miss is listed."""


def figures(
    out_dir: str | Path,
    only: Sequence[str] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Check]:
    """Validate the descents against theory, then write one GIF each into a folder.

    `only` names the pictures to make (with or without .gif); `progress` is called with a line for
    each descent and each file. The checks, all of which hold, are returned.

    Raises:
        InputError: a name in `only` is not one of the pictures, or the folder cannot be made.
        FiguresError: a descent misses its theory; nothing is written, of any picture.
        MissingExtraError: matplotlib or Pillow is not installed.
    """
    names = set(SCENES) if only is None else {name.removesuffix(".gif") for name in only}
    if unknown := sorted(names - set(SCENES)):
        raise InputError(f"no picture named {', '.join(unknown)}; there are {', '.join(SCENES)}")
    style.require()
    check_folder(out_dir)
    from gramax.render import scenes  # which import JAX

    made, checks = {}, []
    for name in SCENES:
        if name in names:
            made[name] = getattr(scenes, name.replace("-", "_"))()
            checks += [Check(name, *check) for check in made[name].checks]
            progress(f"{name}: validated")
    if misses := [check for check in checks if not check.ok]:
        lines = "\n".join(f"  {miss}" for miss in misses)
        raise FiguresError(f"a descent missed its theory; no picture was written:\n{lines}")
    out = make_folder(out_dir)
    for name, scene in made.items():
        with style.look():
            write_film(path := out / f"{name}.gif", scene.canvas())
        progress(f"{path}: written")
    return checks
