"""Benchmarks, each a module run with one command; see docs/performance.md for the tables."""
