"""Sluice, from the release build in this repository."""

from bench.install import MissingTool
from bench.paths import SLUICE
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
accessLog: {{format: "off"}}
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
            )
        )
        return [_binary(), "run", str(configuration)]

    def version_command(self) -> list[str]:
        return [_binary(), "--version"]


def _tls(setup: Setup) -> str:
    if not setup.certificate:
        return ""
    files = f"{{certificate: {setup.certificate}, key: {setup.certificate}}}"
    return f"    tls: {{certificates: [{files}]}}"


def _binary() -> str:
    if not SLUICE.exists():
        raise MissingTool(f"{SLUICE} does not exist; build it with `make build`")
    return str(SLUICE)
