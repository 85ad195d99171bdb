"""Hypercorn, a server that takes WebSockets by HTTP/2 (RFC 8441), behind the gateway."""

import asyncio
import contextlib
import random
import socket
import unittest

import h2.config
import h2.connection
import h2.events
import h2.settings
from hypercorn.asyncio import serve
from hypercorn.config import Config
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from kit import PATIENCE, Gateway

MIB = 1 << 20


class Application:
    """Echoes; notes which version of HTTP it was asked in, and how sessions ended."""

    def __init__(self):
        self.handshakes = []
        self.ends = asyncio.Queue()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            return await send({"type": "lifespan.shutdown.complete"})
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return await send({"type": "http.response.body", "body": scope["path"].encode()})
        self.handshakes.append(scope)
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/refused":
            return await send({"type": "websocket.close"})
        offered = scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return await self.ends.put(None)
            if event.get("text") == "leave":
                return await send({"type": "websocket.close", "code": 4321})
            data = {key: event[key] for key in ("text", "bytes") if event.get(key) is not None}
            await send({"type": "websocket.send", **data})

    async def end(self):
        """Waits for a session's end. Hypercorn does not tell the code of a caller's close frame."""
        await asyncio.wait_for(self.ends.get(), PATIENCE)


@contextlib.asynccontextmanager
async def gateway():
    """A gateway before Hypercorn in clear text; HTTP/2 by prior knowledge."""
    application = Application()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.websocket_max_message_size = 8 * MIB
    config.errorlog = None
    stop = asyncio.Event()
    server = asyncio.create_task(serve(application, config, shutdown_trigger=stop.wait))
    try:
        async with Gateway(
            f"""
  echo:
    protocol: http2
    targets: ["http://127.0.0.1:{port}"]
""",
            """
  sockets: {kind: websocket, service: echo, match: {prefix: /}}
  plain: {kind: http, service: echo, match: {prefix: /plain}}
""",
        ) as running:
            yield running, application
    finally:
        stop.set()
        await asyncio.wait_for(server, PATIENCE)


class HTTP2Client:
    """One WebSocket on one stream, with `h2` and `wsproto`."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._socket = Connection(ConnectionType.CLIENT)
        self._events = []
        self.status = None
        self.is_ended = False

    @classmethod
    async def open(cls, address: str, path: str = "/"):
        host, port = address.rsplit(":", 1)
        client = cls(*await asyncio.open_connection(host, int(port)))
        client._http.initiate_connection()
        client._flush()
        # RFC 8441 3: not before the server has said that it takes them.
        setting = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
        while not client._http.remote_settings.get(setting):
            await client._step()
        client._http.send_headers(
            1,
            [
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                (":authority", address), (":path", path), ("sec-websocket-version", "13"),
            ],
        )  # fmt: skip
        client._flush()
        while client.status is None:
            await client._step()
        return client

    def _flush(self):
        self._writer.write(self._http.data_to_send())

    async def _step(self):
        data = await asyncio.wait_for(self._reader.read(65_536), PATIENCE)
        assert data, "the gateway closed the connection"
        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.status = int(dict(event.headers)[b":status"])
            elif isinstance(event, h2.events.DataReceived):
                self._http.acknowledge_received_data(event.flow_controlled_length, 1)
                self._socket.receive_data(event.data)
                self._events.extend(self._socket.events())
            elif isinstance(event, h2.events.StreamEnded):
                self.is_ended = True
        self._flush()

    async def send(self, event):
        data = self._socket.send(event)
        while data:
            room = min(self._http.local_flow_control_window(1), 16_384, len(data))
            if room == 0:
                await self._step()
                continue
            self._http.send_data(1, data[:room])
            self._flush()
            data = data[room:]

    async def receive(self):
        while not self._events:
            await self._step()
        return self._events.pop(0)

    async def message(self):
        whole = None
        while True:
            event = await self.receive()
            whole = event.data if whole is None else whole + event.data
            if event.message_finished:
                return whole

    async def ended(self):
        while not self.is_ended:
            await self._step()

    def close(self):
        self._writer.close()


class WebSocketsByHTTP2(unittest.IsolatedAsyncioTestCase):
    async def test_messages_pass_from_http1_to_http2(self):
        async with gateway() as (running, application):
            async with connect(running.ws("/a?b=c"), subprotocols=["chat"]) as client:
                self.assertEqual(client.subprotocol, "chat")
                for message in ["hello", b"\x00\xff", "", "ü" * 40_000, random.randbytes(MIB // 2)]:
                    await client.send(message)
                    self.assertEqual(await client.recv(), message)
                await client.send(["frag", "men", "ted"])
                self.assertEqual(await client.recv(), "fragmented")
                await (await client.ping())
            await application.end()
            (scope,) = application.handshakes
            self.assertEqual(scope["http_version"], "2")
            self.assertEqual((scope["path"], scope["query_string"]), ("/a", b"b=c"))
            fields = dict(scope["headers"])
            self.assertIn(b"sluice-connection-id", fields)
            self.assertNotIn(b"sec-websocket-key", fields)
            line = await running.ended()
            self.assertEqual((line["cause"], line["code"]), ("client", 1000))

    async def test_messages_pass_from_http2_to_http2(self):
        async with gateway() as (running, application):
            client = await HTTP2Client.open(running.address)
            self.assertEqual(client.status, 200)
            await client.send(TextMessage("hello"))
            self.assertEqual(await client.message(), "hello")
            data = random.randbytes(MIB)
            await client.send(BytesMessage(data))
            self.assertEqual(await client.message(), data)
            await client.send(CloseConnection(4000, "over"))
            event = await client.receive()
            self.assertIsInstance(event, CloseConnection)
            self.assertEqual(event.code, 4000)
            await client.ended()
            await application.end()
            client.close()

    async def test_the_servers_close_code_arrives(self):
        async with gateway() as (running, _):
            async with connect(running.ws()) as client:
                await client.send("leave")
                with self.assertRaises(ConnectionClosedError) as closed:
                    await client.recv()
                self.assertEqual(closed.exception.rcvd.code, 4321)
            line = await running.ended()
            self.assertEqual((line["cause"], line["code"]), ("upstream", 4321))

    async def test_a_refusal_arrives(self):
        async with gateway() as (running, _):
            with self.assertRaises(InvalidStatus) as refused:
                async with connect(running.ws("/refused")):
                    pass
            self.assertEqual(refused.exception.response.status_code, 403)

    async def test_a_caller_that_vanishes_is_noticed(self):
        async with gateway() as (running, application):
            client = await HTTP2Client.open(running.address)
            await client.send(TextMessage("hello"))
            self.assertEqual(await client.message(), "hello")
            client.close()
            await application.end()
            self.assertEqual((await running.ended())["code"], 1006)

    async def test_many_at_once(self):
        async with gateway() as (running, application):
            async with contextlib.AsyncExitStack() as stack:
                clients = [
                    await stack.enter_async_context(connect(running.ws())) for _ in range(50)
                ]
                for turn in range(5):
                    for index, client in enumerate(clients):
                        await client.send(f"{turn} {index}")
                    for index, client in enumerate(clients):
                        self.assertEqual(await client.recv(), f"{turn} {index}")
            self.assertEqual({scope["http_version"] for scope in application.handshakes}, {"2"})


if __name__ == "__main__":
    unittest.main()
