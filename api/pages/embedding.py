"""Pages that a platform may show in a frame on its own: all of them lie under one address, and no other page may be framed."""

from fastapi import Request

from api.http.parts import parts

EMBEDDED = "/referrals/embedded"


def is_embedded(request: Request) -> bool:
    path = request.url.path
    return path == EMBEDDED or path.startswith(f"{EMBEDDED}/")


def frame_ancestors(request: Request) -> str:
    """Who may show this page in a frame, as a Content-Security-Policy says it."""
    origins = parts(request).services.settings.embed_origins
    return " ".join(origins) if origins and is_embedded(request) else "'none'"
