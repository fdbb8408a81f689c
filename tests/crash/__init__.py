"""Crashes for real: the real processes under load, killed with SIGKILL again and again, and what is left of the books.

`python -m tests.crash --seconds N --seed S`. The seed draws the season, whom to kill, and after which batch of the load;
what the operating system makes of it is different every time. Nothing here looks inside the ledger before the end.
"""
