"""What to do about a space: one file a decision, each with its error and the answer "leave it"."""
