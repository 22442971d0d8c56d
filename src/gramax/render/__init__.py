"""Everything that is shown: terminal tables, notebook views, HTML pages, pictures and films.

Numbers arrive here finished. The only mathematics is the projection of points for drawing.
Matplotlib, Pillow and Jinja are imported when something is drawn with them, not before.
"""
