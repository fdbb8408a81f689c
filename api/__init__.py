"""Everything that is called from outside: HTTP routes, the command line, settings, and the composition root.

Only `composition.py` and `cli/` build parts out of other parts and name the sandbox; the rest is given what it needs
(`services.py`). Nothing imports this package.
"""
