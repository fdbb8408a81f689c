"""Below Stripe's official client: how a request reaches Stripe, how long it may take, and which answers the client sees."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import stripe

API_VERSION = "2026-10-28.endive"
CALL_TIMEOUT_SECONDS = 30.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def stripe_client(api_key: str, api_base: str | None, transport: stripe.HTTPClient) -> stripe.StripeClient:
    """The official client, which repeats nothing by itself. `api_base` None: Stripe itself."""
    stripe.enable_telemetry = False  # it would keep an id in the user's home
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base} if api_base else {},
        http_client=transport,
        max_network_retries=0,
        stripe_version=API_VERSION,
    )


class Transport(stripe.HTTPClient):
    """aiohttp, where the client's own transports have no say: a call ends in time even if its answer only trickles in, and a
    proxy named by the environment (HTTPS_PROXY) is the way to Stripe but never to this machine. For one event loop.
    """

    name = "aiohttp"

    def __init__(self, api_base: str | None, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        self._by_way_of = _proxy_to(api_base or stripe.DEFAULT_API_BASE)
        self._certificates = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        self._opened: aiohttp.ClientSession | None = None

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request, never repeated. Raises stripe.APIConnectionError if no whole answer came."""
        content = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._session().request(
                    method, url, headers=headers, data=content, proxy=self._by_way_of, allow_redirects=False
                ) as response,
            ):
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise stripe.APIConnectionError(str(error), should_retry=True) from error
        # On bytes that are no text the client would raise something that is no StripeError.
        return body.decode(errors="replace").encode(), response.status, response.headers

    async def close_async(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    def _session(self) -> aiohttp.ClientSession:
        """Made with the first call: it belongs to the loop that runs then. It opens as many connections as calls need."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._certificates),
                timeout=aiohttp.ClientTimeout(total=None),  # ours covers the whole call
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened


class Bypassed(stripe.StripeError):
    """An answer that went past the client, as it was on the wire."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = json_object(body)
        self.answer_headers = headers


class Bypass(stripe.HTTPClient):
    """Between the client and a transport: the client sees JSON objects with a 2xx, and everything else is raised as Bypassed.

    Of the rest it would make errors whose classes mislead, lose the headers of a body that it cannot read, and fail by a
    defect of its own where `error` is no object (`{"error": "forbidden"}`, as proxies say it).
    """

    name = Transport.name  # the client tells Stripe what carries its calls

    def __init__(self, transport: stripe.HTTPClient) -> None:
        super().__init__()
        self._transport = transport

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body, status, answer_headers = await self._transport.request_async(method, url, headers, post_data)
        if not 200 <= status < 300 or json_object(body) is None:
            raise Bypassed(status, body, answer_headers)
        return body, status, answer_headers

    async def close_async(self) -> None:
        await self._transport.close_async()


def json_object(body: bytes) -> dict[str, Any] | None:
    """None: it is not JSON, or not whole, or no object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _proxy_to(address: str) -> str | None:
    """What the environment names for it. aiohttp would do so too, and then also read passwords from ~/.netrc."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if host in LOOPBACK or proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
