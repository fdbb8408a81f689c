"""Deterministic simulation: the real payout process against the real twin, in one process, on virtual time, from one seed.

`simulation` puts a world together from a `plan` drawn from the seed; `actors` live in it, `witness` watches, `verdict` judges.
Every fault, crash and delay is a draw; a seed that fails replays exactly. `mutants` show that it can fail.
"""
