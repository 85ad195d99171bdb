"""Sluice, from the release build in this repository."""

from bench.install import MissingTool
from bench.paths import SLUICE
from bench.policies import KEY, key, network, token
from bench.proxies.base import Proxy, Setup

_CONFIGURATION = """\
version: 1
workers: 1
listeners:
  web:
    address: "127.0.0.1:{port}"
    limits: {{connections: 20000}}
    trustedProxies: [{trusted}]
{tls}
services:
  service:
    targets: ["http://127.0.0.1:{backend_port}"]
    connections: {{maxIdle: 1024}}
    protocol: {protocol}
routes:
{routes}
accessLog: {log}
{rest}"""

_CONSUMER = """\
  {name}: {{groups: [partners], credentials: [{{key-auth: "{key}"}}]}}
"""
# The brief's chain: who calls, whether they may, how often, what it looks like; a log and metrics.
_ADDED = {
    "key-auth": "  key-auth: {}\n",
    "acl": "  acl: {allow: [partners]}\n",
    "rate-limit": "  rate-limit: {limit: 1000000000, window: 1s, hide: true}\n",
}
_CHAIN = """\
  request-transform: {{add: {{headers: {{X-Bench: "${{consumer.name}}"}}}}}}
  response-transform: {{add: {{headers: {{X-Bench: "1"}}}}}}
admin: {{address: "unix:{folder}/admin.sock"}}
"""
_JWT = """\
policies:
  jwt: {{keys: [{{algorithm: RS256, publicKey: "${{file:{folder}/public.pem}}"}}]}}
"""
_CACHE = """\
policies:
  cache: {ttl: 1h, status: ""}
"""


class Sluice(Proxy):
    name = "sluice"
    websocket_route = (
        "  socket: {kind: websocket, match: {path: /socket}, service: service,"
        " connection: {ping: 25s}}"
    )

    def command(self, setup: Setup) -> list[str]:
        routes = [
            f"  route-{number}: {{{_match(setup, number, path)}, service: service}}"
            for number, path in enumerate(setup.routes)
        ]
        if not routes:
            routes = ["  all: {match: {prefix: /}, service: service}"]
        if setup.websocket:
            routes.append(self.websocket_route)
        configuration = setup.folder / "sluice.yaml"
        configuration.write_text(
            _CONFIGURATION.format(
                port=setup.port,
                backend_port=setup.backend_port,
                protocol="http2" if setup.grpc else "http1",
                routes="\n".join(routes),
                tls=_tls(setup),
                trusted="127.0.0.1" if setup.policies == "networks" else "",
                log=f"{{output: {setup.folder}/access.log}}"
                if setup.policies == "chain"
                else '{format: "off"}',
                rest=_policies(setup) + self.more(setup),
            )
        )
        return [_binary(), "run", str(configuration)]

    def more(self, setup: Setup) -> str:
        """Further lines of the configuration."""
        return ""

    def version_command(self) -> list[str]:
        return [_binary(), "--version"]


def _match(setup: Setup, number: int, path: str) -> str:
    if setup.policies == "priority":
        return f"priority: {number + 1}, match: {{startsWith: {path}}}"
    return f"match: {{path: {path}}}"


def _tls(setup: Setup) -> str:
    if not setup.certificate:
        return ""
    files = f"{{certificate: {setup.certificate}, key: {setup.certificate}}}"
    return f"    tls: {{certificates: [{files}]}}"


def _policies(setup: Setup) -> str:
    added = list(_ADDED)
    if setup.policies == "chain":
        return _keys({"alice": KEY}, added) + _CHAIN.format(folder=setup.folder)
    if setup.policies in added:
        return _keys({"alice": KEY}, added[: added.index(setup.policies) + 1])
    if setup.policies == "consumers":
        return _keys({f"consumer-{n}": key(n) for n in range(setup.count)}, added[:1])
    if setup.policies == "networks":
        denied = ", ".join(network(number) for number in range(setup.count))
        return f"policies:\n  ip-restriction: {{deny: [{denied}]}}\n"
    if setup.policies == "jwt":
        (setup.folder / "public.pem").write_text(token().public_key)
        return _JWT.format(folder=setup.folder)
    return _CACHE if setup.policies.startswith("cache") else ""


def _keys(consumers: dict[str, str], added: list[str]) -> str:
    """Consumers by name with their keys, and the policies that look at them."""
    lines = "".join(_CONSUMER.format(name=name, key=value) for name, value in consumers.items())
    return f"consumers:\n{lines}policies:\n" + "".join(_ADDED[name] for name in added)


def _binary() -> str:
    if not SLUICE.exists():
        raise MissingTool(f"{SLUICE} does not exist; build it with `make build`")
    return str(SLUICE)
