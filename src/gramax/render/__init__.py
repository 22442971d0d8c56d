"""Pixels: the five pictures and the story of a training run, drawn from the library's numbers.

No mathematics lives here beyond the projection of points for drawing. Matplotlib and Pillow are
imported when something is drawn, not before.
"""
