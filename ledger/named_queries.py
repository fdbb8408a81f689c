"""SQL lives in .sql files beside the code that runs it; each statement follows a line `-- name: its_name`."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def named_queries(package: str, file_name: str) -> Mapping[str, LiteralString]:
    """The statements of a .sql file by name. They are part of the program, hence literal to psycopg."""
    text = files(package).joinpath(file_name).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: cast(LiteralString, body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}
