"""Caddy: one processor for the Go runtime; routes are its `map` directive."""

from bench.install import tool
from bench.proxies.base import Proxy, Setup

_CONFIGURATION = """\
{{
  admin off
  auto_https off
  persist_config off
  storage file_system {folder}
  servers {{
    protocols {protocols}
  }}
  log {{
    output discard
  }}
}}
{scheme}://:{port} {{
{tls}
  bind 127.0.0.1
{routes}
  reverse_proxy 127.0.0.1:{backend_port} {{
    header_up X-Forwarded-Port {port}
    header_up X-Real-IP {{remote_host}}
    transport http {{
      compression off
{versions}      keepalive 1h
      keepalive_idle_conns 2048
      keepalive_idle_conns_per_host 2048
    }}
  }}
}}
"""


class Caddy(Proxy):
    name = "caddy"
    environment = {"GOMAXPROCS": "1"}

    def command(self, setup: Setup) -> list[str]:
        configuration = setup.folder / "Caddyfile"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=setup.folder,
                port=setup.port,
                scheme=setup.scheme,
                protocols="h1 h2" if setup.http2 else "h1",
                tls=f"  tls {setup.certificate} {setup.certificate}" if setup.certificate else "",
                backend_port=setup.backend_port,
                versions="      versions h2c\n" if setup.grpc else "",
                routes=_routes(setup.routes),
            )
        )
        return [*tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(configuration)]

    def version_command(self) -> list[str]:
        return [*tool("caddy"), "version"]


def _routes(paths: list[str]) -> str:
    if not paths:
        return ""
    entries = "\n".join(f"    {path} known" for path in paths)
    return f"""\
  map {{path}} {{route}} {{
{entries}
    default unknown
  }}
  @unknown vars {{route}} unknown
  error @unknown 404"""
