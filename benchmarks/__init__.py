"""Benchmarks: `python -m benchmarks`, or some of them: `python -m benchmarks cycle status`."""
