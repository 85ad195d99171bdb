"""curl through the gateway, with its `ws://` where it has it, and by HTTP/2."""

import asyncio
import contextlib
import os
import re
import subprocess
import tempfile
import unittest

from websockets.asyncio.server import serve

from kit import PATIENCE, Gateway

HAS_WS = " ws " in subprocess.run(
    ["curl", "--version"], capture_output=True, text=True, check=True
).stdout.replace("\n", " ")


class Curl(unittest.IsolatedAsyncioTestCase):
    async def curl(self, handler, *arguments) -> bytes:
        """Everything that curl wrote before the gateway ended the connection."""
        async with serve(handler, "127.0.0.1", 0, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            async with Gateway(
                f'  quotes: {{targets: ["http://127.0.0.1:{port}"]}}',
                "  all: {kind: websocket, service: quotes, connection: {closeTimeout: 200ms}}",
            ) as running:
                process = await asyncio.create_subprocess_exec(
                    "curl", "--silent", "--no-buffer", "--max-time", str(PATIENCE),
                    *(argument.replace("ADDRESS", running.address) for argument in arguments),
                    stdout=asyncio.subprocess.PIPE,
                )  # fmt: skip
                output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
                return output

    async def test_an_upgrade_by_hand_shows_frames(self):
        async def quote(connection):
            await connection.send("first")
            await connection.send("second")
            await connection.close(1000)

        output = await self.curl(
            quote, "--include", "--http1.1", "http://ADDRESS/",
            "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
            "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )  # fmt: skip
        head, frames = output.split(b"\r\n\r\n", 1)
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        self.assertEqual(frames, b"\x81\x05first\x81\x06second\x88\x02\x03\xe8")

    @unittest.skipUnless(HAS_WS, "this curl has no ws://")
    async def test_its_own_websockets_receive_messages(self):
        async def quote(connection):
            await connection.send("first")
            await connection.send("second")
            await connection.close(1000)

        output = await self.curl(quote, "ws://ADDRESS/")
        self.assertEqual(output, b"firstsecond")


class HTTP2(unittest.IsolatedAsyncioTestCase):
    """By prior knowledge; with TLS it is in examples/tls. One URL a call: curl 7.88 cannot use such a
    connection twice, with any server."""

    async def curl(self, address: str, *arguments) -> bytes:
        process = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--show-error", "--http2-prior-knowledge", "--max-time",
            str(PATIENCE), *(argument.replace("ADDRESS", address) for argument in arguments),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        self.assertEqual(process.returncode, 0)
        return output

    async def test_requests_pass(self):
        async def answer(reader, writer):
            """Returns the body of a request that has a length."""
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    body = await reader.readexactly(int(length[1])) if length else b"hello"
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                    writer.write(body)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Gateway(
            f'  echo: {{targets: ["http://127.0.0.1:{port}"]}}',
            "  all: {kind: http, service: echo}",
        ) as running:
            address = running.address
            self.assertEqual(
                await self.curl(address, "-w", " %{http_version} %{http_code}", "http://ADDRESS/"),
                b"hello 2 200",
            )
            with tempfile.NamedTemporaryFile() as file:
                body = os.urandom(2_000_000)
                file.write(body)
                file.flush()
                self.assertEqual(
                    await self.curl(address, "--data-binary", f"@{file.name}", "http://ADDRESS/"),
                    body,
                )
