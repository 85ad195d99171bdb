"""Started by check.sh: a server of gRPC, the gateway in front of it, and calls through both."""

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import urllib.request
from concurrent import futures
from pathlib import Path

import grpc
import sonora.client

PATIENCE = 30


class Greeter(grpc.GenericRpcHandler):
    """`Hello` answers one message, `Count` many, `Chat` each as it comes; `Reset` is for administrators."""

    def service(self, details):
        return {
            "/demo.Greeter/Hello": grpc.unary_unary_rpc_method_handler(
                lambda name, _: b"Hello, " + name
            ),
            "/demo.Greeter/Reset": grpc.unary_unary_rpc_method_handler(lambda _, __: b"done"),
            "/demo.Greeter/Count": grpc.unary_stream_rpc_method_handler(
                lambda count, _: (b"%d" % number for number in range(int(count)))
            ),
            "/demo.Greeter/Chat": grpc.stream_stream_rpc_method_handler(
                lambda messages, _: (b"heard " + message for message in messages)
            ),
        }.get(details.method)


failures = 0


def expect(what, wanted, call):
    global failures
    try:
        found = call()
    except grpc.RpcError as error:
        found = error.code()
    if found == wanted:
        print(f"ok    {what}")
    else:
        failures += 1
        print(f"FAIL  {what}: {found!r} instead of {wanted!r}")


def check(address, key):
    with grpc.insecure_channel(address) as channel:
        call = lambda name: channel.unary_unary(f"/demo.Greeter/{name}")
        expect("a call", b"Hello, you", lambda: call("Hello")(b"you", timeout=PATIENCE))
        expect(
            "a stream of answers", [b"0", b"1", b"2"],
            lambda: list(channel.unary_stream("/demo.Greeter/Count")(b"3", timeout=PATIENCE)),
        )
        expect(
            "both talk", [b"heard a", b"heard b"],
            lambda: list(
                channel.stream_stream("/demo.Greeter/Chat")(iter([b"a", b"b"]), timeout=PATIENCE)
            ),
        )
        expect(
            "one method wants a key", grpc.StatusCode.UNAUTHENTICATED,
            lambda: call("Reset")(b"", timeout=PATIENCE),
        )
        expect(
            "and lets in who has it", b"done",
            lambda: call("Reset")(b"", metadata=(("apikey", key),), timeout=PATIENCE),
        )
        expect(
            "another service is not there", grpc.StatusCode.UNIMPLEMENTED,
            lambda: channel.unary_unary("/demo.Other/Hello")(b"", timeout=PATIENCE),
        )
    url = f"http://{address}"
    with sonora.client.insecure_web_channel(url) as channel:
        expect(
            "a page calls it by gRPC-Web", b"Hello, page",
            lambda: channel.unary_unary("/demo.Greeter/Hello", bytes, bytes)(b"page"),
        )
    preflight = urllib.request.Request(
        f"{url}/demo.Greeter/Hello", method="OPTIONS",
        headers={
            "Origin": "https://app.example.com", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-grpc-web",
        },
    )  # fmt: skip
    expect(
        "and the browser may let it", "https://app.example.com",
        lambda: urllib.request.urlopen(preflight, timeout=PATIENCE).headers[
            "Access-Control-Allow-Origin"
        ],
    )


def main():
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((Greeter(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sluice.yaml")
        text = Path(__file__).with_name("sluice.yaml").read_text()
        file.write_text(text.replace(":8080", ":0").replace(":50051", f":{port}"))
        gateway = subprocess.Popen(
            [sys.argv[1], "run", str(file)], stderr=subprocess.PIPE, text=True,
            env=os.environ | {"ALICE_KEY": key},
        )  # fmt: skip
        try:
            address = None
            for line in gateway.stderr:
                if " listening " in line:
                    address = re.search(r"address=(\S+)", line)[1]
                if " started " in line:
                    break
            check(address, key)
        finally:
            gateway.send_signal(signal.SIGTERM)
            gateway.communicate(timeout=PATIENCE)
            server.stop(0)


main()
sys.exit(1 if failures else 0)
