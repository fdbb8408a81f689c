"""The benchmarks: that they run, and say what they found."""
