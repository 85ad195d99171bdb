"""HAProxy: connections always reused, answers spliced; routes are a map, kept in a tree."""

from bench.install import tool
from bench.proxies.base import Proxy, Setup

_CONFIGURATION = """\
global
  nbthread 1
  maxconn {connections}{pipes}
defaults
  mode http
  no log
  option http-keep-alive
  http-reuse always
  # Large answers pass from socket to socket inside the kernel.
  option splice-response
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  timeout http-keep-alive 1h
frontend web
  bind 127.0.0.1:{port} backlog 4096{ssl}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Real-IP %[src]
  {choice}
backend service
  server target 127.0.0.1:{backend_port} pool-max-conn -1 pool-purge-delay 1h
"""


_SSL = "ssl alpn {alpn} ssl-min-ver TLSv1.2 curves X25519:P-256:P-384"


def _ssl(setup: Setup) -> str:
    if not setup.certificate:
        return ""
    alpn = "h2,http/1.1" if setup.http2 else "http/1.1"
    return f" {_SSL.format(alpn=alpn)} crt {setup.certificate}"


class HAProxy(Proxy):
    name = "haproxy"

    def command(self, setup: Setup) -> list[str]:
        choice = "default_backend service"
        if setup.routes:
            routes = setup.folder / "routes.map"
            routes.write_text("".join(f"{path} service\n" for path in setup.routes))
            choice = f"use_backend %[path,map_str({routes})]"
        configuration = setup.folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                port=setup.port,
                backend_port=setup.backend_port,
                choice=choice,
                connections=9_850 if setup.websocket else 4096,
                # Two descriptors a session; the default number of pipes would pass 20,000 of them. With a
                # quarter of the descriptors in use it would no longer keep connections to targets.
                pipes="\n  maxpipes 50\n  tune.pool-low-fd-ratio 100\n  tune.pool-high-fd-ratio 100"
                if setup.websocket
                else "",
                scheme=setup.scheme,
                ssl=_ssl(setup),
            )
        )
        return [*tool("haproxy"), "-db", "-f", str(configuration)]

    def version_command(self) -> list[str]:
        return [*tool("haproxy"), "-v"]
