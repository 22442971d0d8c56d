"""The exit codes of every command."""

OK, CROSSED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Fine; a threshold was crossed; the input cannot be used; interrupted."""
