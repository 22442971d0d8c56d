"""One file for each family of formats: from a file to the entries in it."""
