"""HTTP/1.1 on a socket, written by hand so that a test can send any bytes, also wrong ones.

A Connection reads requests and lets the router answer each; a Reply writes whole answers (send,
json) or the pieces of one (head, write, chunk). Nothing here knows a route.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import http
import json
import select
import socket
import socketserver
import ssl
import struct
import time
import urllib.parse

MAX_BODY = 64 << 20


class Hangup(Exception):
    """The client went away, or a reply wants the connection closed at this point."""


class Request:
    """One request: method, target, path, query (the last value of each name), headers, body."""

    def __init__(self, method, target, headers, body, connection):
        self.method = method
        self.target = target
        self.headers = headers          # list of (name, value), as received
        self.body = body
        self.connection = connection
        self.argument = ""              # what a route's "*" matched
        split = urllib.parse.urlsplit(target)
        self.path = urllib.parse.unquote(split.path)
        self.pairs = urllib.parse.parse_qsl(split.query, keep_blank_values=True)
        self.query = dict(self.pairs)

    def header(self, name, default=None):
        for known, value in self.headers:
            if known.lower() == name.lower():
                return value
        return default

    def number(self, name, default):
        return int(self.query.get(name, default))

    def base(self):
        """The URL of this server as this client called it."""
        scheme = "https" if isinstance(self.connection.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://{self.header('Host')}"

    def moved(self, target):
        """The same request for another target."""
        return Request(self.method, target, self.headers, self.body, self.connection)


class Reply:
    """The answer to one request. After close() the connection ends when the handler returns."""

    def __init__(self, connection, request):
        self.socket = connection.socket
        self.bodiless = request is not None and request.method == "HEAD"
        self.closing = False

    def write(self, data):
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        except OSError as error:
            raise Hangup from error

    def head(self, code=200, headers=(), content_type="application/json"):
        """A status line and header fields; the caller sends the body, and its length or coding."""
        known = code in http.HTTPStatus._value2member_map_
        lines = [f"HTTP/1.1 {code} {http.HTTPStatus(code).phrase if known else 'Unknown'}"]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.write("\r\n".join(lines) + "\r\n\r\n")

    def send(self, body=b"", code=200, headers=(), content_type="application/json"):
        body = body if isinstance(body, bytes) else body.encode()
        if code not in (204, 304):
            headers = [*headers, ("Content-Length", len(body))]
        self.head(code, headers, content_type)
        if not self.bodiless and code not in (204, 304):
            self.write(body)

    def json(self, value, code=200, headers=()):
        self.send(json.dumps(value, separators=(",", ":")), code, headers)

    def chunk(self, data):
        """One chunk of a chunked body; an empty one ends it."""
        data = data if isinstance(data, bytes) else data.encode()
        self.write(b"%x\r\n%s\r\n" % (len(data), data))

    def close(self):
        self.closing = True

    def abort(self):
        """Reset the connection (RST) instead of ending it."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.closing = True

    def hang(self):
        """Say nothing more until the client goes away."""
        while select.select([self.socket], [], [])[0]:
            try:
                if not self.socket.recv(65536):
                    break
            except OSError:
                break
        self.closing = True


class Connection(socketserver.BaseRequestHandler):
    """Reads requests until the client or a reply ends the connection."""

    def setup(self):
        self.socket = self.request
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.server.state.next_connection()

    def handle(self):
        try:
            if self.server.tls is not None:
                self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
            self.input = self.socket.makefile("rb")
            while self.answer_one():
                pass
        except (Hangup, OSError):
            pass

    def finish(self):
        try:
            self.socket.close()
        except OSError:
            pass

    def answer_one(self):
        request = self.read_request()
        if request is None:
            return False
        reply = Reply(self, request)
        self.server.answer(request, reply)
        return not reply.closing and request.header("Connection", "").lower() != "close"

    def read_request(self):
        line = self.input.readline(1 << 20).decode("latin-1").strip()
        if not line:
            return None
        method, target, _version = (line.split(" ") + ["", ""])[:3]
        headers = []
        while True:
            line = self.input.readline(1 << 20).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _colon, value = line.partition(":")
            headers.append((name, value.strip()))
        return Request(method, target, headers, self.read_body(headers), self)

    def read_body(self, headers):
        fields = {name.lower(): value for name, value in headers}
        if fields.get("expect", "").lower() == "100-continue":
            Reply(self, None).write("HTTP/1.1 100 Continue\r\n\r\n")
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return self.read_chunks()
        length = int(fields.get("content-length", 0))
        if length > MAX_BODY:
            raise Hangup
        return self.input.read(length)

    def read_chunks(self):
        body = b""
        while True:
            size = int(self.input.readline(100).split(b";")[0], 16)
            body += self.input.read(size)
            self.input.readline(10)
            if size == 0:
                return body
            if len(body) > MAX_BODY:
                raise Hangup


class Listener(socketserver.ThreadingTCPServer):
    """One port. "answer" is called as answer(request, reply) in the connection's thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, state, answer, port=0, tls=None):
        super().__init__(("127.0.0.1", port), Connection)
        self.state = state
        self.answer = answer
        self.tls = tls

    def handle_error(self, request, client_address):
        """A client that breaks off in the middle of a handshake is no news."""

    @property
    def port(self):
        return self.server_address[1]


def pause(milliseconds):
    if milliseconds > 0:
        time.sleep(milliseconds / 1000)
