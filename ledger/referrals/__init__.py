"""The rules of the program, a module for each kind of lifecycle fact (DESIGN section 2): pure, no clock, no I/O.

Each module names its consistency boundary (`boundary`) and decides (`decide`) from a History to a Decision.
`earning.py` is what three of them share: the bonus is earned by whichever of its three conditions arrives last.
"""
