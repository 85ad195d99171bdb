"""`grpcio` on both sides of the gateway, and `sonora`, a client of gRPC-Web, in front of it.

Messages are bytes: what is inside them is nobody's business here."""

import asyncio
import json
import unittest

import grpc
import sonora.client
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from kit import PATIENCE, Gateway, until

SERVICE = "demo.Echo"


class Echo(grpc.GenericRpcHandler):
    """Each method does one thing."""

    def __init__(self, name: str):
        self.name = name.encode()
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.attempts = 0
        self.held = 0
        self.released = asyncio.Event()

    def service(self, details):
        shape, method = {
            "Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
            "Name": (grpc.unary_unary_rpc_method_handler, self.say_name),
            "Metadata": (grpc.unary_unary_rpc_method_handler, self.metadata),
            "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
            "Wait": (grpc.unary_unary_rpc_method_handler, self.wait),
            "Flaky": (grpc.unary_unary_rpc_method_handler, self.flaky),
            "Hold": (grpc.unary_unary_rpc_method_handler, self.hold),
            "Count": (grpc.unary_stream_rpc_method_handler, self.count),
            "FailLate": (grpc.unary_stream_rpc_method_handler, self.fail_late),
            "Join": (grpc.stream_unary_rpc_method_handler, self.join),
            "Talk": (grpc.stream_stream_rpc_method_handler, self.talk),
        }.get(details.method.removeprefix(f"/{SERVICE}/"), (None, None))
        return shape and shape(method)

    async def unary(self, request, _):
        return request

    async def say_name(self, _, __):
        return self.name

    async def metadata(self, _, context):
        sent = dict(context.invocation_metadata())
        await context.send_initial_metadata((("x-first", sent["x-sent"]),))
        context.set_trailing_metadata((("x-last-bin", sent["x-sent-bin"]),))
        return b""

    async def fail(self, _, context):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nicht möglich: 100%")

    async def wait(self, _, __):
        self.began.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def hold(self, request, _):
        self.held += 1
        await self.released.wait()
        return self.name + request

    async def flaky(self, _, context):
        self.attempts += 1
        if self.attempts % 2 == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return b"%d" % self.attempts

    async def count(self, request, _):
        for number in range(int(request)):
            yield b"%d" % number

    async def fail_late(self, request, context):
        yield request
        await context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    async def join(self, requests, _):
        return b",".join([message async for message in requests])

    async def talk(self, requests, _):
        yield b"hello"
        async for message in requests:
            yield message


class Calls:
    """A channel's methods, without a generated stub."""

    def __init__(self, channel):
        self.unary = lambda name: channel.unary_unary(f"/{SERVICE}/{name}")
        self.count = channel.unary_stream(f"/{SERVICE}/Count")
        self.fail_late = channel.unary_stream(f"/{SERVICE}/FailLate")
        self.join = channel.stream_unary(f"/{SERVICE}/Join")
        self.talk = channel.stream_stream(f"/{SERVICE}/Talk")


async def serve(handler, port: int = 0, servicer=None):
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((handler,))
    servicer = servicer or health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, port


class GRPC(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.handler = Echo("one")
        self.server, self.port = await serve(self.handler)
        self.gateway = Gateway(
            f"""
  echo:
    protocol: http2
    targets: ["http://127.0.0.1:{self.port}"]
    retries: {{grpc: [unavailable]}}
  gone: {{protocol: http2, targets: ["http://127.0.0.1:1"]}}
""",
            f"""
  echo:
    match: {{prefix: /{SERVICE}/}}
    service: echo
    policies: {{grpc-web: {{}}}}
  health: {{match: {{prefix: /grpc.health.v1.Health/}}, service: echo}}
  closed:
    match: {{path: /{SERVICE}/Closed}}
    service: echo
    policies: {{ip-restriction: {{deny: ["127.0.0.0/8"]}}}}
  gone: {{match: {{path: /{SERVICE}/Gone}}, service: gone}}
""",
        )
        await self.gateway.__aenter__()
        self.channel = grpc.aio.insecure_channel(self.gateway.address)
        self.calls = Calls(self.channel)

    async def asyncTearDown(self):
        await self.channel.close()
        await self.gateway.__aexit__()
        await self.server.stop(0)

    async def test_unary(self):
        for message in [b"", b"hello", bytes(range(256)) * 12_000]:
            self.assertEqual(await self.calls.unary("Unary")(message, timeout=PATIENCE), message)

    async def test_many_at_once(self):
        unary = self.calls.unary("Unary")
        sent = [b"%d" % number for number in range(300)]
        self.assertEqual(await asyncio.gather(*(unary(message) for message in sent)), sent)

    async def test_streams_of_the_server(self):
        got = [message async for message in self.calls.count(b"1000", timeout=PATIENCE)]
        self.assertEqual(got, [b"%d" % number for number in range(1000)])

    async def test_streams_of_the_client(self):
        async def messages():
            for number in range(500):
                yield b"%d" % number

        joined = await self.calls.join(messages(), timeout=PATIENCE)
        self.assertEqual(joined, b",".join(b"%d" % number for number in range(500)))

    async def test_both_talk_at_once(self):
        call = self.calls.talk(timeout=PATIENCE)
        # The server begins, before there is anything from the client.
        self.assertEqual(await call.read(), b"hello")
        for number in range(100):
            await call.write(b"%d" % number)
            self.assertEqual(await call.read(), b"%d" % number)
        await call.done_writing()
        self.assertEqual(await call.read(), grpc.aio.EOF)
        self.assertEqual(await call.code(), grpc.StatusCode.OK)

    async def test_large_messages_both_ways_at_once(self):
        message = bytes(1_000_000)

        async def messages():
            for _ in range(8):
                yield message

        got = [answer async for answer in self.calls.talk(messages(), timeout=PATIENCE)]
        self.assertEqual([len(answer) for answer in got[1:]], [len(message)] * 8)

    async def test_metadata(self):
        call = self.calls.unary("Metadata")(
            b"", metadata=(("x-sent", "text"), ("x-sent-bin", b"\x00\xff")), timeout=PATIENCE
        )
        self.assertEqual(dict(await call.initial_metadata())["x-first"], "text")
        self.assertEqual(dict(await call.trailing_metadata())["x-last-bin"], b"\x00\xff")

    async def failure(self, call):
        with self.assertRaises(grpc.aio.AioRpcError) as caught:
            await call
        return caught.exception

    async def test_statuses_of_the_server(self):
        failure = await self.failure(self.calls.unary("Fail")(b"", timeout=PATIENCE))
        self.assertEqual(failure.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(failure.details(), "nicht möglich: 100%")
        got = []
        with self.assertRaises(grpc.aio.AioRpcError) as caught:
            async for message in self.calls.fail_late(b"a", timeout=PATIENCE):
                got.append(message)
        self.assertEqual((got, caught.exception.code()), ([b"a"], grpc.StatusCode.DATA_LOSS))
        failure = await self.failure(self.calls.unary("Nothing")(b"", timeout=PATIENCE))
        self.assertEqual(failure.code(), grpc.StatusCode.UNIMPLEMENTED)

    async def test_errors_of_the_gateway(self):
        for path, code, details in [
            ("/other.Service/Method", grpc.StatusCode.UNIMPLEMENTED, "no-route"),
            (f"/{SERVICE}/Closed", grpc.StatusCode.PERMISSION_DENIED, "forbidden"),
            (f"/{SERVICE}/Gone", grpc.StatusCode.UNAVAILABLE, "upstream-refused"),
        ]:
            failure = await self.failure(self.channel.unary_unary(path)(b"x", timeout=PATIENCE))
            self.assertEqual(failure.code(), code, path)
            self.assertIn(f"({details})", failure.details())

    async def test_a_deadline_reaches_the_server(self):
        failure = await self.failure(self.calls.unary("Wait")(b"", timeout=0.2))
        self.assertEqual(failure.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        await asyncio.wait_for(self.handler.cancelled.wait(), PATIENCE)

    async def test_cancelling_reaches_the_server(self):
        call = self.calls.unary("Wait")(b"")
        await asyncio.wait_for(self.handler.began.wait(), PATIENCE)
        call.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(self.handler.cancelled.wait(), PATIENCE)
        self.assertEqual(await self.calls.unary("Unary")(b"next", timeout=PATIENCE), b"next")

    async def test_a_status_that_may_be_tried_again(self):
        self.assertEqual(await self.calls.unary("Flaky")(b"x", timeout=PATIENCE), b"2")

    async def test_the_server_restarts(self):
        self.assertEqual(await self.calls.unary("Name")(b"", timeout=PATIENCE), b"one")
        await self.server.stop(0)
        failure = await self.failure(self.calls.unary("Name")(b"", timeout=PATIENCE))
        self.assertEqual(failure.code(), grpc.StatusCode.UNAVAILABLE)
        self.server, _ = await serve(Echo("two"), self.port)
        self.assertEqual(await self.calls.unary("Name")(b"", timeout=PATIENCE), b"two")

    async def test_health(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)

    # gRPC-Web

    async def web(self, name: str, message: bytes):
        def call():
            with sonora.client.insecure_web_channel(self.gateway.http("/")) as channel:
                method = channel.unary_unary(f"/{SERVICE}/{name}", bytes, bytes)
                return method(message, timeout=PATIENCE)

        return await asyncio.to_thread(call)

    async def test_web(self):
        self.assertEqual(await self.web("Unary", b"from a page"), b"from a page")
        large = bytes(range(256)) * 4_000
        self.assertEqual(await self.web("Unary", large), large)

    async def test_web_streams(self):
        def call():
            with sonora.client.insecure_web_channel(self.gateway.http("/")) as channel:
                method = channel.unary_stream(f"/{SERVICE}/Count", bytes, bytes)
                return list(method(b"300", timeout=PATIENCE))

        self.assertEqual(await asyncio.to_thread(call), [b"%d" % n for n in range(300)])

    async def test_web_errors(self):
        for name, code in [
            ("Fail", grpc.StatusCode.FAILED_PRECONDITION),
            ("Closed", grpc.StatusCode.PERMISSION_DENIED),
        ]:
            with self.assertRaises(grpc.RpcError) as caught:
                await self.web(name, b"")
            self.assertEqual(caught.exception.code(), code)


class TwoServers(unittest.IsolatedAsyncioTestCase):
    """Servers that come and go, with others beside them."""

    async def asyncSetUp(self):
        self.handlers = [Echo("one"), Echo("two")]
        self.servicers = [health.aio.HealthServicer() for _ in self.handlers]
        self.servers = []
        ports = []
        for handler, servicer in zip(self.handlers, self.servicers):
            await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
            server, port = await serve(handler, servicer=servicer)
            self.servers.append(server)
            ports.append(port)
        self.ports = ports
        targets = ", ".join(f'"http://127.0.0.1:{port}"' for port in ports)
        self.gateway = Gateway(
            f"""
  checked:
    protocol: http2
    targets: [{targets}]
    health: {{check: {{type: grpc, service: {SERVICE}, interval: 100ms}}}}
  plain: {{protocol: http2, targets: [{targets}], retries: {{grpc: [unavailable]}}}}
  one: {{protocol: http2, targets: ["http://127.0.0.1:{ports[0]}"]}}
""",
            f"""
  checked: {{match: {{prefix: /{SERVICE}/, headers: {{x-checked: "1"}}}}, service: checked}}
  one: {{match: {{prefix: /{SERVICE}/, headers: {{x-one: "1"}}}}, service: one}}
  plain: {{match: {{prefix: /{SERVICE}/}}, service: plain}}
""",
        )
        await self.gateway.__aenter__()
        self.channel = grpc.aio.insecure_channel(self.gateway.address)
        self.calls = Calls(self.channel)

    async def asyncTearDown(self):
        for handler in self.handlers:
            handler.released.set()
        await self.channel.close()
        await self.gateway.__aexit__()
        for server in self.servers:
            await server.stop(0)

    async def name(self, *metadata) -> bytes:
        call = self.calls.unary("Name")
        return await call(b"", metadata=metadata, timeout=PATIENCE)

    async def state(self) -> list:
        services = json.loads(await self.gateway.ask("/services"))
        checked = next(service for service in services if service["name"] == "checked")
        return [target["check"]["state"] for target in checked["targets"]]

    async def until_states(self, *states):
        async with asyncio.timeout(PATIENCE):
            while sorted(await self.state()) != sorted(states):
                await asyncio.sleep(0.02)

    async def names(self, *metadata) -> set:
        return {await self.name(*metadata) for _ in range(8)}

    async def test_checks(self):
        checked = ("x-checked", "1")
        await self.until_states("healthy", "healthy")
        self.assertEqual(await self.names(checked), {b"one", b"two"})
        for status in [
            health_pb2.HealthCheckResponse.NOT_SERVING,
            health_pb2.HealthCheckResponse.UNKNOWN,
        ]:
            await self.servicers[0].set(SERVICE, status)
            await self.until_states("healthy", "unhealthy")
            await asyncio.sleep(0.2)
            self.assertEqual(await self.names(checked), {b"two"})
            # Who does not ask does not know.
            self.assertEqual(await self.names(), {b"one", b"two"})
            await self.servicers[0].set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
            await self.until_states("healthy", "healthy")
        await self.servers[0].stop(0)
        await self.until_states("healthy", "unhealthy")
        self.servers[0], _ = await serve(self.handlers[0], self.ports[0], self.servicers[0])
        await self.until_states("healthy", "healthy")

    async def test_a_service_that_the_server_does_not_have(self):
        for servicer in self.servicers:
            await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        await self.until_states("unhealthy", "unhealthy")
        with self.assertRaises(grpc.aio.AioRpcError) as caught:
            await self.name(("x-checked", "1"))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("(no-target-available)", caught.exception.details())

    async def test_a_server_that_stops_gracefully(self):
        """What is under way ends well, what comes meanwhile is done by the other one."""
        hold = self.calls.unary("Hold")
        held = [asyncio.ensure_future(hold(b"%d" % n, timeout=PATIENCE)) for n in range(40)]
        await until(lambda: sum(handler.held for handler in self.handlers) == 40)
        self.assertTrue(all(handler.held for handler in self.handlers))
        # Calls that never stop while the server does.
        statuses = []
        isOver = False

        async def load():
            while not isOver:
                try:
                    await self.name()
                    statuses.append("OK")
                except grpc.aio.AioRpcError as error:
                    statuses.append(f"{error.code().name} {error.details()}")

        loads = [asyncio.ensure_future(load()) for _ in range(8)]
        await until(lambda: len(statuses) > 50)
        stopping = asyncio.ensure_future(self.servers[0].stop(PATIENCE))
        count = len(statuses)
        await until(lambda: len(statuses) > count + 200)
        self.assertFalse(stopping.done())
        for handler in self.handlers:
            handler.released.set()
        answers = await asyncio.gather(*held)
        self.assertEqual({answer[:3] for answer in answers}, {b"one", b"two"})
        self.assertEqual(sorted(int(answer[3:]) for answer in answers), list(range(40)))
        await asyncio.wait_for(stopping, PATIENCE)
        isOver = True
        await asyncio.gather(*loads)
        self.assertEqual(set(statuses), {"OK"})
        self.assertEqual(await self.names(), {b"two"})

    async def test_the_only_server_stops_gracefully(self):
        one = ("x-one", "1")
        held = asyncio.ensure_future(
            self.calls.unary("Hold")(b"", metadata=(one,), timeout=PATIENCE)
        )
        await until(lambda: self.handlers[0].held == 1)
        stopping = asyncio.ensure_future(self.servers[0].stop(PATIENCE))
        statuses = set()
        async with asyncio.timeout(PATIENCE):
            while "UNAVAILABLE" not in statuses:
                try:
                    await self.name(one)
                except grpc.aio.AioRpcError as error:
                    statuses.add(error.code().name)
        self.assertEqual(statuses, {"UNAVAILABLE"})
        self.handlers[0].released.set()
        self.assertEqual(await held, b"one")
        await asyncio.wait_for(stopping, PATIENCE)
