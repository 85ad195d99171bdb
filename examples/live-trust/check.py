#!/usr/bin/env python3
"""Runs this example and checks it: check.py [SLUICE]. Needs python3 alone; the ports are the kernel's
choice. Exits with 0 when everything is as it should be."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

EXAMPLE = pathlib.Path(__file__).resolve().parent
SLUICE = sys.argv[1] if len(sys.argv) > 1 else str(EXAMPLE / "../../.build/release/sluice")
SECRET = secrets.token_hex(32)
PATIENCE = 20


# A caller's tokens.
def token(subject, seconds, **claims):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {"sub": subject, "exp": int(time.time() + seconds), "jti": secrets.token_hex(8), **claims}
    signed = part(b'{"alg":"HS256"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(SECRET.encode(), signed, "sha256"))).decode()


# One end of a WebSocket.
class Peer:
    def __init__(self, connection, masks):
        self.connection, self.masks, self.bytes = connection, masks, b""

    def head(self):
        while b"\r\n\r\n" not in self.bytes:
            self.fill()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        return lines[0], {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}

    def fill(self):
        more = self.connection.recv(65536)
        if not more:
            raise EOFError("the connection ended")
        self.bytes += more

    def take(self, count):
        while len(self.bytes) < count:
            self.fill()
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def read(self):
        """A text, or the number of a close frame."""
        while True:
            first, count = self.take(2)
            mask = b"\0\0\0\0"
            masked, count = count & 128, count & 127
            if count == 126:
                count = int.from_bytes(self.take(2), "big")
            if masked:
                mask = self.take(4)
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(self.take(count)))
            if first & 15 == 8:
                return int.from_bytes(payload[:2], "big")
            if first & 15 == 1:
                return payload.decode()
            if first & 15 == 9:
                self.frame(10, payload)

    def frame(self, opcode, payload):
        bit = 128 if self.masks else 0
        size = bytes([bit | len(payload)])
        if len(payload) > 125:
            size = bytes([bit | 126]) + len(payload).to_bytes(2, "big")
        mask = b"\1\2\3\4" if self.masks else b""
        if mask:
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        self.connection.sendall(bytes([128 | opcode]) + size + mask + payload)

    def send(self, value):
        self.frame(1, (value if isinstance(value, str) else json.dumps(value)).encode())

    def ask(self, value):
        self.send(value)
        return self.read()


# The service: tells callers their session's id, then returns every message.
def serve(connection):
    peer = Peer(connection, masks=False)
    try:
        line, fields = peer.head()
        if "sec-websocket-key" not in fields:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            return
        key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        connection.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        peer.send(fields["sluice-connection-id"])
        while not isinstance(text := peer.read(), int):
            peer.send(text)
    except (EOFError, OSError):
        pass
    finally:
        connection.close()


def serve_all(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


class Gateway:
    def __init__(self, folder, service_port):
        with socket.socket() as web, socket.socket() as admin:
            for one in (web, admin):
                one.bind(("127.0.0.1", 0))
            self.web, self.admin = web.getsockname()[1], admin.getsockname()[1]
        self.file = pathlib.Path(folder) / "sluice.yaml"
        text = (EXAMPLE / "sluice.yaml").read_text()
        for shown, real in (("8080", self.web), ("9901", self.admin), ("8081", service_port)):
            text = text.replace(shown, str(real))
        self.file.write_text(text)
        environment = {**os.environ, "LIVE_TRUST_SECRET": SECRET}
        self.log = open(pathlib.Path(folder) / "gateway.log", "w+")
        self.process = subprocess.Popen(
            [SLUICE, "run", str(self.file)], env=environment, stderr=self.log, stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask(self.admin, "GET", "/readyz")
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def ask(self, port, method, path, bearer=None):
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        fields = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def open(self, bearer):
        """A session and its id."""
        connection = socket.create_connection(("127.0.0.1", self.web), timeout=PATIENCE)
        peer = Peer(connection, masks=True)
        connection.sendall(
            f"GET /stocks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        line, _ = peer.head()
        assert " 101 " in line, line
        return peer, peer.read()

    def renew(self, session, bearer):
        return self.ask(self.web, "POST", f"/.sluice/connections/{session}/token", bearer)[0]

    def revoke(self, query):
        status, body = self.ask(self.admin, "POST", f"/revocations?{query}")
        assert status == 201, body
        return json.loads(body)

    def edit(self, before, after):
        text = self.file.read_text()
        assert before in text
        self.file.write_text(text.replace(before, after))
        status, body = self.ask(self.admin, "POST", "/reload")
        assert status == 200, body


failures = 0


def expect(what, found, wanted):
    global failures
    if found == wanted:
        print(f"ok    {what}", flush=True)
    else:
        print(f"FAIL  {what}: {found!r} instead of {wanted!r}", flush=True)
        failures += 1


LOOK, BUY = {"action": "look"}, {"action": "buy"}
FORBIDDEN = '{"type":"error","code":"message-forbidden","title":"This caller may not send this message."}'


def expiry(gateway):
    short, _ = gateway.open(token("alice", 2))
    kept, session = gateway.open(token("alice", 2))
    expect("a new token is taken", gateway.renew(session, token("alice", 600)), 204)
    expect("somebody else's is not", gateway.renew(session, token("bob", 600)), 409)
    expect("an old one is not", gateway.renew(session, token("alice", -60)), 401)
    expect("a session ends with its token", short.read(), 4401)
    expect("and lives on with a new one", kept.ask(LOOK), json.dumps(LOOK))
    expect("a message may carry it", kept.ask({"token": token("alice", 900)}), '{"type":"token-accepted"}')


def revocation(gateway):
    old, new = token("bob", 600), token("bob", 600)
    one, _ = gateway.open(old)
    other, _ = gateway.open(new)
    identifier = json.loads(base64.urlsafe_b64decode(old.split(".")[1] + "=="))["jti"]
    expect("one token's session is closed", gateway.revoke(f"jti={identifier}")["closing"], 1)
    expect("with a code of its own", one.read(), 4403)
    expect("the token is refused", "revoked" in gateway.ask(gateway.web, "GET", "/prices", old)[1], True)
    expect("the other one lives on", other.ask(LOOK), json.dumps(LOOK))
    made = gateway.revoke("consumer=bob&lifetime=1h&reason=example")
    expect("then everything of the consumer ends", other.read(), 4403)
    expect("and is refused", gateway.ask(gateway.web, "GET", "/prices", new)[0], 401)
    gateway.ask(gateway.admin, "DELETE", f"/revocations/{made['id']}")
    expect("until it is taken back", gateway.ask(gateway.web, "GET", "/prices", new)[0], 200)


def messages(gateway):
    alice, _ = gateway.open(token("alice", 600))
    expect("a trader buys", alice.ask(BUY), json.dumps(BUY))
    gateway.edit("alice: {groups: [traders]}", "alice: {groups: []}")
    expect("until a reload takes the group away", alice.ask(BUY), FORBIDDEN)
    expect("and may still look", alice.ask(LOOK), json.dumps(LOOK))


def budget(gateway):
    carol, _ = gateway.open(token("carol", 600))
    for _ in range(9):
        carol.ask(LOOK)
    statuses = [gateway.ask(gateway.web, "GET", "/prices", token("carol", 600))[0] for _ in range(11)]
    expect("requests and messages spend one budget", statuses, [200] * 10 + [429])


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_all, args=(listener,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(folder, listener.getsockname()[1])
        try:
            for part in (expiry, revocation, messages, budget):
                part(gateway)
            gateway.log.seek(0)
            expect("no secret is logged", SECRET in gateway.log.read(), False)
        finally:
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
