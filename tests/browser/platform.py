"""The platform that an instructor teaches on: a dashboard that shows the panel in a frame, and signs its reader in to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DASHBOARD = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Dashboard</title></head>
<body>
<h1>Dashboard</h1>
<iframe name="referrals" title="My referrals" width="380" height="700" allow="clipboard-write {ledger}"></iframe>
<form method="post" action="{ledger}/referrals/embedded" target="referrals">
  <input type="hidden" name="token" value="{token}">
</form>
<script>document.querySelector("form").submit();</script>
</body>
</html>
"""


class Platform:
    """`dashboard` is what it serves at every address. One site with the ledger as 127.0.0.1, and another as localhost."""

    def __init__(self, port: int) -> None:
        self.dashboard = ""
        self.same_site = f"http://127.0.0.1:{port}"
        self.other_site = f"http://localhost:{port}"

    def show(self, ledger_address: str, token: str) -> None:
        self.dashboard = DASHBOARD.format(ledger=ledger_address, token=token)


@contextmanager
def platform() -> Iterator[Platform]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(serving.dashboard.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = Platform(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield serving
        server.shutdown()
        thread.join()
