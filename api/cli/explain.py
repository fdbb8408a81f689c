"""`ledger explain`: the story behind anything that has an id, and how each total is made up."""

import sys

import orjson

from api import composition
from api.cli import databases, screen, story_screen, structured_log
from api.cli.caught_up import caught_up
from api.cli.errors import NotDone
from api.settings import Settings

__all__ = ["run"]

LONGEST_ID = 200


def run(name: str, *, as_json: bool) -> None:
    name = name.strip()
    if not name.isprintable() or not 1 <= len(name) <= LONGEST_ID:
        raise _unknown(name)
    structured_log.keep_quiet()
    settings = Settings()
    with databases.history(settings) as (url, _), caught_up(settings, url, "explain") as services:
        story = services.stories.explain(name)
    if story is None:
        raise _unknown(name)
    if as_json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        sys.stdout.buffer.write(orjson.dumps(story.model_dump(mode="json"), option=options))
        return
    if composition.is_sandbox(settings):
        screen.sandbox_note()
    story_screen.show(story)


def _unknown(name: str) -> NotDone:
    return NotDone(f"not_found: nothing is known by the name {name[:LONGEST_ID]!r}")
