"""Measurements of what the design promises, each a module to run: `python -m benchmarks.append`."""
