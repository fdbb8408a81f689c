"""Measurements of what the design promises: `python -m benchmarks` runs them, `catalogue` lists them.

Each is one module with one class that says what it measures, how large, and what it has to reach. They compare contenders
on one server of their own in one run, and assert that its commits are durable.
"""
