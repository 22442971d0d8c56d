"""The five pictures, one file each.

A scene is a module with `NAME`, `run()` for the trajectory and its numbers, `checks(data)` of these
against theory, and `draw(data)` for the frames.
"""
