"""Array mathematics under everything else: rows, pairs of rows, linear algebra, shapes."""
