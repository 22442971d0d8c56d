"""What writes the pages that are made from the code, one file a kind of page."""
