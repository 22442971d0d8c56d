"""The exit codes of every command."""

OK, CROSSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

MEANING = """\b
Exit codes of every command:
    0  fine
    1  a threshold was crossed, or a picture missed its theory
    2  an input, an option or an output that cannot be used: one line says which
  130  interrupted (Ctrl-C); 143 for SIGTERM"""
"""The end of the help."""
