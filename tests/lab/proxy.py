"""An apt proxy for hosts that have no way out of the lab."""

import ctypes
import http.client
import http.server
import os
import time
import urllib.parse

from settings import CACHE, CTL, GATE, PORT, mirror


class Proxy(http.server.BaseHTTPRequestHandler):
    """An HTTP proxy for apt, to the Debian mirror and nowhere else, with a cache that also serves offline."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.hostname != mirror() or ".." in url.path:
            return self.reply(403, {}, b"only the Debian mirror\n")
        file = CACHE / "apt" / url.path.lstrip("/")
        fixed = file.suffix == ".deb" or "/by-hash/" in url.path
        if fixed and file.is_file():
            return self.reply(200, {}, file.read_bytes())
        headers = {"Host": mirror()}
        if since := self.headers.get("If-Modified-Since"):
            headers["If-Modified-Since"] = since
        try:
            if os.environ.get("LAB_OFFLINE"):
                raise OSError("offline")
            up = http.client.HTTPConnection(mirror(), timeout=60)
            up.request("GET", url.path, headers=headers)
            answer = up.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            if file.is_file():
                return self.reply(200, {}, file.read_bytes())
            return self.reply(504, {}, b"mirror out of reach\n")
        if answer.status == 200:
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f"{file.name}.{time.monotonic_ns()}")
            part.write_bytes(body)
            part.rename(file)
        keep = {k: v for k, v in answer.getheaders() if k in ("Last-Modified", "Location", "Content-Type")}
        return self.reply(answer.status, keep, body)

    def reply(self, status, headers, body):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(body)

    def log_message(self, *args):
        print(self.log_date_time_string(), *args[1:], flush=True)


def proxy():
    """Listen in the lab's network namespace, fetch in this machine's: no route joins the two."""
    libc, here = ctypes.CDLL(None, use_errno=True), os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{CTL}", os.O_RDONLY)
    if libc.setns(there, 0):
        raise OSError(ctypes.get_errno(), "setns")
    server = http.server.ThreadingHTTPServer((str(GATE), PORT), Proxy)  # the socket stays in that namespace
    if libc.setns(here, 0):
        raise OSError(ctypes.get_errno(), "setns")
    server.serve_forever()
