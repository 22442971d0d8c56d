"""Why workers die, in the words that follow their name."""

DO = "give it more, or use fewer --workers"

NO_MEMORY = f", out of memory: {DO}"
"""It said so."""

KILLED = f", killed by SIGKILL, by the system for its memory probably: {DO}"
"""Nobody said why; on Linux it is the out-of-memory killer, with few exceptions."""
