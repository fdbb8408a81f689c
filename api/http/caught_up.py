"""What a read reads from, once it reflects the position that the reader asked for.

Declare it after the caller in a route's parameters: they are resolved in order, and only who may read may wait.
"""

from typing import Annotated

from fastapi import Depends

from api.http.parts import PartsOfApp
from api.http.positions import MinPosition
from ledger.store import LogRecorder
from projections.queries import ReadModels


async def _read_models(parts: PartsOfApp, min_position: MinPosition = None) -> ReadModels:
    await parts.read_models.reach(min_position)
    return parts.services.read_models


async def _log(parts: PartsOfApp, min_position: MinPosition = None) -> LogRecorder:
    await parts.log.reach(min_position)
    return parts.services.log.recorder


CaughtUpReadModels = Annotated[ReadModels, Depends(_read_models)]
CaughtUpLog = Annotated[LogRecorder, Depends(_log)]
