"""Stands where a reverse proxy stands: below a prefix, with the page of the real process and a made-up `status` and `events` behind it.

`python fake.py STATE [PORT]` serves the page's files as they are on disk, for whoever works on the page.
"""

import json
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import estate

PREFIX = "/team/bridge"
PAGE = Path(__file__).resolve().parents[2] / "src/admin/page"
KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Fake:
    """A bridge that is in whatever state the test says; `origin` is the admin endpoint that has the page."""

    def __init__(self, origin=None, port=0):
        self.origin = origin
        self.asked = []
        self.tell("keeping_up")
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                fake.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}{PREFIX}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def tell(self, name, **changes):
        """From now on it is in the state `name`, changed by `changes`."""
        self.status = {**estate.STATES[name](), **changes}
        self.events = estate.events(name)
        self.fails, self.slow = None, None

    def fail(self, code):
        """From now on `status` and `events` answer `code`, or, with 0, end the connection."""
        self.fails = code

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        path, _, query = request.path.removeprefix(PREFIX).partition("?")
        self.asked.append(request.path)
        if not request.path.startswith(PREFIX + "/"):
            send(request, 404, {}, b"")
        elif path in ("/status", "/events"):
            if self.slow and path == "/status":
                self.slow.wait(60)
            if self.fails == 0 or self.events is None and path == "/events":
                request.close_connection = True
            elif self.fails:
                send(request, self.fails, {"content-type": "text/plain"}, b"no")
            else:
                body = self.status if path == "/status" else self.since(query)
                send(request, 200, {"content-type": "application/json"}, json.dumps(body).encode())
        else:
            send(request, *(self.proxied(path) if self.origin else on_disk(path)))

    def since(self, query):
        since = int(query.removeprefix("since=") or 0)
        return {"version": 1, "next": len(self.events), "lost": 0, "events": [event for event in self.events if event["id"] > since]}

    def proxied(self, path):
        with urllib.request.urlopen(self.origin + path, timeout=10) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in ("connection", "date", "transfer-encoding", "content-length")}
            return answer.status, headers, answer.read()


def on_disk(path):
    file = PAGE / (path.lstrip("/").removeprefix("page/") or "index.html")
    if not file.is_file():
        return 404, {}, b""
    return 200, {"content-type": KINDS[file.suffix], "cache-control": "no-store"}, file.read_bytes()


def send(request, code, headers, body):
    request.send_response(code)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


if __name__ == "__main__":
    fake = Fake(port=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    fake.tell(sys.argv[1] if len(sys.argv) > 1 else "keeping_up")
    print(fake.url)
    threading.Event().wait()
