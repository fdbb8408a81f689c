"""The clock hand of a running twin: sends webhooks as they come due and carries out the sandbox's own agenda."""

import asyncio

import httpx

from sandbox.stripe_twin import agenda, webhooks
from sandbox.stripe_twin.twin import Twin

_AT_ONCE = 16
_SEND_TIMEOUT_SECONDS = 20.0


class Sender:
    """Runs beside the HTTP server, in the same thread as everything that touches the twin."""

    def __init__(self, twin: Twin, url: str | None) -> None:
        self._twin = twin
        self._url = url
        self._wake = asyncio.Event()
        self._free = _AT_ONCE

    def wake(self) -> None:
        """Something may be due earlier than it was."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        world = self._twin.world
        # Never through a proxy: the receiver is somebody on this machine.
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.TaskGroup() as sending:
            while True:
                self._wake.clear()
                agenda.run_due(world)
                if self._url is not None and self._free:
                    for delivery in webhooks.take_due(world, self._free):
                        self._free -= 1
                        sending.create_task(self._send(client, self._url, delivery))
                await self._until_something_is_due()

    async def _until_something_is_due(self) -> None:
        due_at = agenda.next_due_at(self._twin.world) if self._free else None
        try:
            async with asyncio.timeout(None if due_at is None else max(0.0, due_at - self._twin.world.now())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, client: httpx.AsyncClient, url: str, delivery: webhooks.Delivery) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                answer = await client.post(url, content=delivery.body, headers=delivery.headers)
            accepted = answer.is_success
        except (TimeoutError, httpx.HTTPError):
            accepted = False
        webhooks.report(self._twin.world, delivery.id, accepted=accepted)
        self._free += 1
        self.wake()
