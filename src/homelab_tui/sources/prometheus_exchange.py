"""One HTTP exchange with a Prometheus-compatible server: what is sent, and as much of the answer as is wanted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from homelab_tui.domain.errors import SourceGarbled

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 65_536


@asynccontextmanager
async def exchange(
    client: "httpx.AsyncClient", method: str, url: str, sent: Mapping[str, str] | bytes, headers: Mapping[str, str]
) -> AsyncIterator["httpx.Response"]:
    """`sent`: a form (by GET, a query), or a JSON document."""
    if isinstance(sent, bytes):
        of_json = {**headers, "Content-Type": "application/json"}
        async with client.stream(method, url, content=sent, headers=of_json) as response:
            yield response
        return
    data = dict(sent) if method == "POST" else None
    params = dict(sent) if method == "GET" and sent else None
    async with client.stream(method, url, data=data, params=params, headers=headers) as response:
        yield response


async def read_body(response: "httpx.Response", take: Callable[[bytes], object] | None = None) -> bytes:
    """The whole body, or nothing when `take` took it part by part; of an error answer the beginning is enough.

    Raises: SourceGarbled for an answer so large that it cannot be meant.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise too_large()
        if take is not None and response.is_success:
            take(part)
            await asyncio.sleep(0)  # what has arrived already is read without any pause
            continue
        parts.append(part)
        if size > MAX_ERROR_BYTES and not response.is_success:
            break
    return b"".join(parts)


def check_size(body: bytes) -> None:
    """Raises: SourceGarbled, the same as `read_body`."""
    if len(body) > MAX_ANSWER_BYTES:
        raise too_large()


def too_large() -> SourceGarbled:
    """No server that is meant tells so much."""
    return SourceGarbled(f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MB: is this the right server?")
