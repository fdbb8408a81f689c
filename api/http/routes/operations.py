"""Health and metrics, outside `/api/v1` and without a token: to be reached from inside only."""

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from api.http.parts import PartsOfApp

router = APIRouter(tags=["operations"])


class Liveness(BaseModel):
    status: Literal["live"] = "live"


class Readiness(BaseModel):
    """`reasons`: why it is not ready, in words; empty when it is."""

    status: Literal["ready", "not_ready"]
    reasons: list[str] = Field(examples=[["The database does not answer: PoolTimeout."]])


@router.get("/health/live", summary="The process runs")
async def live() -> Liveness:
    return Liveness()


@router.get(
    "/health/ready",
    summary="The process can do its work",
    responses={503: {"model": Readiness, "description": "Not ready; `reasons` says why"}},
)
def ready(response: Response, parts: PartsOfApp) -> Readiness:
    reasons = list(parts.health.reasons_not_to_be_ready())
    response.status_code = 503 if reasons else 200
    return Readiness(status="not_ready" if reasons else "ready", reasons=reasons)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text exposition format"}
    },
)
def metrics(parts: PartsOfApp) -> Response:
    return Response(parts.metrics.exposition(parts.health.gauges()), media_type=CONTENT_TYPE_PLAIN_0_0_4)
