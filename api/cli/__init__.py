"""The command line `ledger`: what a person types, and what they see.

`app` declares every command; one module each carries it out, imported when it is called, so that `--help` is quick.
Builds parts through the composition root only. No rule of the program lives here.
"""

import io
import sys

__all__ = ["main"]


def main() -> None:
    """The console script `ledger`."""
    from api.cli.app import app  # noqa: PLC0415 - importing the package stays free of cost

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where the encoding has no check mark, a question mark will do
    app(prog_name="ledger")
