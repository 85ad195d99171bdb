"""Sluice, from the release build in this repository."""

from bench.install import MissingTool
from bench.paths import SLUICE
from bench.policies import KEY, token
from bench.proxies.base import Proxy, Setup

_CONFIGURATION = """\
version: 1
workers: 1
listeners:
  web:
    address: "127.0.0.1:{port}"
    limits: {{connections: 20000}}
{tls}
services:
  service:
    targets: ["http://127.0.0.1:{backend_port}"]
    connections: {{maxIdle: 1024}}
routes:
{routes}
accessLog: {log}
{rest}"""

# The brief's chain: who calls, whether they may, how often, what it looks like; a log and metrics.
_CHAIN = """\
consumers:
  alice: {{groups: [partners], credentials: [{{key-auth: "{key}"}}]}}
policies:
  key-auth: {{}}
  acl: {{allow: [partners]}}
  rate-limit: {{limit: 1000000000, window: 1s, hide: true}}
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
            f"  route-{number}: {{match: {{path: {path}}}, service: service}}"
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
                routes="\n".join(routes),
                tls=_tls(setup),
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


def _tls(setup: Setup) -> str:
    if not setup.certificate:
        return ""
    files = f"{{certificate: {setup.certificate}, key: {setup.certificate}}}"
    return f"    tls: {{certificates: [{files}]}}"


def _policies(setup: Setup) -> str:
    if setup.policies == "chain":
        return _CHAIN.format(key=KEY, folder=setup.folder)
    if setup.policies == "jwt":
        (setup.folder / "public.pem").write_text(token().public_key)
        return _JWT.format(folder=setup.folder)
    return _CACHE if setup.policies == "cache" else ""


def _binary() -> str:
    if not SLUICE.exists():
        raise MissingTool(f"{SLUICE} does not exist; build it with `make build`")
    return str(SLUICE)
