"""Hostile files: a coverage-guided fuzzer of everything that is read, and what it found.

`python -m tests.fuzz npy --inputs 20000` runs it (`make fuzz`: every reader); `corpus/` keeps the
files it found faults with, which `test_replay.py` reads again in every run of the tests.
"""
