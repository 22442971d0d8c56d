"""The five pictures of `gramax figures`, one file each.

A scene is a module with `NAME`, `run()` for the trajectory and its numbers, `checks(data)` of these
against theory, and `draw(data)` for the frames. Scenes are the only modules of this room that
import JAX, and they are loaded only when a picture is asked for.
"""
