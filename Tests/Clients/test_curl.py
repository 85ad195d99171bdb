"""curl through the gateway, with its `ws://` where it has it."""

import asyncio
import subprocess
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
