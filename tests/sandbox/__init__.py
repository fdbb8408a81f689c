"""What stands in for the outside world, tried with real processes."""
