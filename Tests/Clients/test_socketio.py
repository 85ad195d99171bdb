"""`python-socketio` through the gateway: long polling that becomes a WebSocket, two servers behind one
address. A request that reaches the other server is answered with 400 there, so that these tests fail
unless the gateway sends everything of a caller to the same one."""

import asyncio
import contextlib
import unittest

import aiohttp
import socketio
from aiohttp import web

from kit import PATIENCE, Gateway, until

# Both routes have the same path: what asks for an upgrade is a session, all else are requests.
ROUTES = """
  polling: {kind: http, match: {prefix: /socket.io}, service: chat}
  sessions:
    kind: websocket
    match: {prefix: /socket.io, headers: {Upgrade: websocket}}
    service: chat
"""


class Server:
    """A Socket.IO server that says its name."""

    def __init__(self, name: str):
        self.name = name
        self.transports = []
        self._io = socketio.AsyncServer(async_mode="aiohttp")
        self._app = web.Application()
        self._io.attach(self._app)
        self._io.on("say", self._say)

    async def _say(self, sid, text):
        self.transports.append(self._io.transport(sid))
        await self._io.emit("heard", f"{self.name} heard {text}", to=sid)
        return self.name

    async def start(self) -> int:
        self._runner = web.AppRunner(self._app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return self._runner.addresses[0][1]

    async def stop(self):
        with contextlib.suppress(Exception):
            await self._io.shutdown()
        await self._runner.cleanup()


class SocketIO(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.servers = [Server("one"), Server("two")]
        ports = [await server.start() for server in self.servers]
        targets = ", ".join(f'"http://127.0.0.1:{port}"' for port in ports)
        self.gateway = Gateway(
            f"  chat: {{targets: [{targets}], balance: consistent-hash, hash: 'cookie:account'}}",
            ROUTES,
        )
        await self.gateway.__aenter__()

    async def asyncTearDown(self):
        await self.gateway.__aexit__()
        for server in self.servers:
            await server.stop()

    async def talk(self, account: str, transports) -> str:
        """A whole conversation; the name of the server that answered."""
        async with aiohttp.ClientSession(cookies={"account": account}) as http:
            # Cookies of an address without a name are dropped otherwise.
            http.headers["Cookie"] = f"account={account}"
            client = socketio.AsyncClient(http_session=http, reconnection=False)
            heard = asyncio.Queue()
            client.on("heard", heard.put)
            await client.connect(self.gateway.http(), transports=transports)
            if transports != ["polling"]:
                await until(lambda: client.transport() == "websocket")
            names = set()
            for turn in range(5):
                names.add(await client.call("say", f"turn {turn}", timeout=PATIENCE))
                text = await asyncio.wait_for(heard.get(), PATIENCE)
                self.assertTrue(text.endswith(f"heard turn {turn}"))
            await client.disconnect()
            self.assertEqual(len(names), 1)
            return names.pop()

    async def everybody(self, transports):
        names = await asyncio.gather(
            *(self.talk(f"account-{number}", transports) for number in range(12))
        )
        self.assertEqual(set(names), {"one", "two"})

    async def test_polling_becomes_a_websocket(self):
        await self.everybody(["polling", "websocket"])
        seen = {transport for server in self.servers for transport in server.transports}
        self.assertEqual(seen, {"websocket"})
        await until(lambda: len(self.gateway.ends()) == 12)

    async def test_polling_alone_sticks_to_its_server(self):
        await self.everybody(["polling"])
        self.assertEqual(self.gateway.ends(), [])

    async def test_websockets_alone_stick_to_their_server(self):
        await self.everybody(["websocket"])

    async def test_a_caller_comes_back_to_the_same_server(self):
        names = [await self.talk("account-3", ["polling", "websocket"]) for _ in range(3)]
        self.assertEqual(len(set(names)), 1)
