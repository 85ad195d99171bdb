"""The Python package `websockets`, as client and as server, through the gateway."""

import asyncio
import contextlib
import random
import unittest

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from kit import PATIENCE, Gateway

MIB = 1 << 20


class Ends:
    """What the server's ends of sessions saw."""

    def __init__(self):
        self.connections = []
        self.closed = asyncio.Queue()

    async def next(self):
        """Code and reason of the next end; None when no close frame came."""
        return await asyncio.wait_for(self.closed.get(), PATIENCE)


@contextlib.asynccontextmanager
async def gateway(handler=None, settings="", **server_settings):
    """A gateway before a server that echoes, unless `handler` does something else."""
    ends = Ends()

    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    async def handle(connection):
        ends.connections.append(connection)
        try:
            await (handler or echo)(connection)
        except ConnectionClosed:
            pass
        await connection.wait_closed()
        await ends.closed.put((connection.close_code, connection.close_reason))

    server_settings.setdefault("max_size", None)
    async with serve(handle, "127.0.0.1", 0, **server_settings) as server:
        port = server.sockets[0].getsockname()[1]
        async with Gateway(
            f'  echo: {{targets: ["http://127.0.0.1:{port}"]}}',
            f"  all: {{kind: websocket, service: echo{settings}}}",
        ) as running:
            yield running, ends


class WebSockets(unittest.IsolatedAsyncioTestCase):
    async def test_text_and_binary_pass_both_ways(self):
        async with gateway() as (running, _), connect(running.ws()) as client:
            for message in ["text", "", "Grüße, 世界 🌍", b"", b"\x00\xff" * 500, "x" * 65_535]:
                await client.send(message)
                self.assertEqual(await client.recv(), message)

    async def test_fragments_are_whole_messages(self):
        parts = ["one ", "", "two ", "three"]

        async def cut(connection):
            async for message in connection:
                half = len(message) // 2
                await connection.send([message[:half], message[half:]])

        async with gateway(cut) as (running, _), connect(running.ws()) as client:
            await client.send(parts)
            self.assertEqual(await client.recv(), "".join(parts))
            # The frames themselves pass as they were cut.
            await client.send("abcd")
            received = [part async for part in client.recv_streaming()]
            self.assertEqual(received, ["ab", "cd", ""])

    async def test_permessage_deflate_is_agreed_on_from_end_to_end(self):
        for factory in [
            ClientPerMessageDeflateFactory(),
            ClientPerMessageDeflateFactory(
                server_no_context_takeover=True, client_no_context_takeover=True
            ),
            ClientPerMessageDeflateFactory(server_max_window_bits=10, client_max_window_bits=9),
        ]:
            async with gateway() as (running, ends):
                async with connect(
                    running.ws(), compression=None, extensions=[factory]
                ) as client:
                    [mine] = client.protocol.extensions
                    [theirs] = ends.connections[0].protocol.extensions
                    self.assertEqual(
                        (mine.local_max_window_bits, mine.remote_max_window_bits),
                        (theirs.remote_max_window_bits, theirs.local_max_window_bits),
                    )
                    for message in ["again and again " * 1_000, "x", random.randbytes(10_000)]:
                        for _ in range(3):
                            await client.send(message)
                            self.assertEqual(await client.recv(), message)
                await ends.next()
                # What passed was compressed: 3 × (16,000 + 1 + 10,000) bytes otherwise.
                self.assertLess((await running.ended())["bytesReceived"], 60_000)

    async def test_without_compression_nothing_is_agreed_on(self):
        async with gateway() as (running, ends):
            async with connect(running.ws(), compression=None) as client:
                await client.send("plain")
                self.assertEqual(await client.recv(), "plain")
                self.assertEqual(client.protocol.extensions, [])
                self.assertEqual(ends.connections[0].protocol.extensions, [])

    async def test_large_messages_pass_up_to_the_limits(self):
        async def grow(connection):
            async for message in connection:
                await connection.send(message * 16)

        async with gateway(grow) as (running, _):
            async with connect(running.ws(), compression=None, max_size=None) as client:
                message = random.randbytes(MIB)
                await client.send(message)
                self.assertEqual(await client.recv(), message * 16)
            async with connect(running.ws(), compression=None) as client:
                with self.assertRaises(ConnectionClosedError) as ended:
                    await client.send(bytes(MIB + 1))
                    await client.recv()
                self.assertEqual(ended.exception.rcvd.code, 1009)

    async def test_pings_of_all_three_are_answered(self):
        async with gateway(settings=", connection: {ping: 50ms, pongTimeout: 30s}") as (
            running,
            ends,
        ):
            async with connect(running.ws(), ping_interval=0.05) as client:
                await asyncio.wait_for(await client.ping(b"mine"), PATIENCE)
                await asyncio.wait_for(await ends.connections[0].ping(b"theirs"), PATIENCE)
                async with asyncio.timeout(PATIENCE):
                    while True:
                        page = await running.ask("/metrics")
                        count = page.split('round_trip_seconds_count{route="all"} ')[1].split()[0]
                        if float(count) >= 3:
                            break
                await client.send("still")
                self.assertEqual(await client.recv(), "still")

    async def test_the_callers_close_arrives_with_code_and_reason(self):
        async with gateway() as (running, ends):
            async with connect(running.ws()) as client:
                await client.close(4001, "enough")
                self.assertEqual((client.close_code, client.close_reason), (4001, "enough"))
                self.assertEqual(await ends.next(), (4001, "enough"))
            line = await running.ended()
            self.assertEqual((line["cause"], line["code"]), ("client", 4001))

    async def test_the_targets_close_arrives_with_code_and_reason(self):
        async def leave(connection):
            await connection.send("last")
            await connection.close(4002, "over")

        async with gateway(leave) as (running, ends):
            async with connect(running.ws()) as client:
                self.assertEqual(await client.recv(), "last")
                with self.assertRaises(ConnectionClosedError) as ended:
                    await client.recv()
                self.assertEqual(ended.exception.rcvd.code, 4002)
                self.assertEqual(ended.exception.rcvd.reason, "over")
            self.assertEqual(await ends.next(), (4002, "over"))
            self.assertEqual((await running.ended())["cause"], "upstream")

    async def test_subprotocols_are_chosen_by_the_target(self):
        async with gateway(subprotocols=["v2", "v1"]) as (running, ends):
            async with connect(running.ws(), subprotocols=["v1", "v2", "v3"]) as client:
                self.assertEqual(client.subprotocol, ends.connections[0].subprotocol)
                self.assertIn(client.subprotocol, ["v1", "v2"])

    async def test_a_caller_that_vanishes_is_gone_for_the_target(self):
        async with gateway() as (running, ends):
            client = await connect(running.ws())
            await client.send("hello")
            self.assertEqual(await client.recv(), "hello")
            client.transport.abort()
            self.assertEqual((await ends.next())[0], 1001)
            self.assertEqual((await running.ended())["side"], "client")

    async def test_a_target_that_vanishes_is_an_error_to_the_caller(self):
        async def vanish(connection):
            await connection.recv()
            connection.transport.abort()

        async with gateway(vanish) as (running, _):
            async with connect(running.ws()) as client:
                await client.send("go")
                with self.assertRaises(ConnectionClosedError) as ended:
                    await client.recv()
                self.assertEqual(ended.exception.rcvd.code, 1011)
            self.assertEqual((await running.ended())["side"], "upstream")

    async def test_the_gateways_end_is_a_clean_close_on_both_sides(self):
        async with gateway(settings=", connection: {lifetime: 200ms}") as (running, ends):
            async with connect(running.ws()) as client:
                await client.wait_closed()
                self.assertEqual(client.close_code, 1001)
                self.assertEqual((await ends.next())[0], 1001)
            self.assertEqual((await running.ended())["cause"], "lifetime")

    async def test_pages_of_other_hosts_are_refused(self):
        async with gateway() as (running, ends):
            with self.assertRaises(InvalidStatus) as refused:
                await connect(running.ws(), origin="https://evil.example")
            self.assertEqual(refused.exception.response.status_code, 403)
            async with connect(running.ws(), origin=running.http("")):
                self.assertEqual(len(ends.connections), 1)

    async def test_many_at_once_get_their_own_messages(self):
        async def talk(running, number):
            async with connect(running.ws(f"/{number}")) as client:
                for turn in range(20):
                    await client.send(f"{number} {turn}")
                    self.assertEqual(await client.recv(), f"{number} {turn}")

        async with gateway() as (running, ends):
            await asyncio.gather(*(talk(running, number) for number in range(50)))
            self.assertEqual(len(ends.connections), 50)
