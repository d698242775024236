"""A registry of OCI artifacts, as much of it as Helm asks for, over plain HTTP on this machine."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry:
    """What was pushed, by path. It ends with the `with`."""

    def __enter__(self):
        self.blobs, self.manifests = {}, {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def _body(self):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def do_GET(self):
                name, _, reference = self.path.removeprefix("/v2/").rpartition("/")
                if self.path == "/v2/":
                    self._answer(200)
                elif name.endswith("/blobs") and reference in registry.blobs:
                    self._answer(200, registry.blobs[reference], Docker_Content_Digest=reference, Content_Type="application/octet-stream")
                elif self.path in registry.manifests:
                    kind, body = registry.manifests[self.path]
                    self._answer(200, body, Docker_Content_Digest=digest(body), Content_Type=kind)
                else:
                    self._answer(404)

            do_HEAD = do_GET

            def do_POST(self):
                self._answer(202, Location=f"{self.path}one")

            def do_PUT(self):
                body = self._body()
                path, _, asked = self.path.partition("?digest=")
                if asked:
                    registry.blobs[asked.replace("%3A", ":")] = body
                else:
                    kind = self.headers["Content-Type"]
                    # By its tag, and by its digest.
                    for name in (path, f"{path.rpartition('/')[0]}/{digest(body)}"):
                        registry.manifests[name] = kind, body
                self._answer(201, Docker_Content_Digest=digest(body), Location=path)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def digest(content):
    """As a registry names it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
