"""Varnish: a cache and nothing else, with one pool of threads; only in the cases of caches."""

from bench.install import tool
from bench.proxies.base import Proxy, Setup

_CONFIGURATION = """\
vcl 4.1;
backend service {{ .host = "127.0.0.1"; .port = "{backend_port}"; }}
sub vcl_recv {{
  # X-Forwarded-For is there already.
  set req.http.X-Forwarded-Proto = "http";
  set req.http.X-Forwarded-Host = req.http.Host;
  set req.http.X-Forwarded-Port = "{port}";
  set req.http.X-Real-IP = client.ip;
{pass_on}}}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
"""


class Varnish(Proxy):
    name = "varnish"
    is_invited = True

    def command(self, setup: Setup) -> list[str]:
        configuration = setup.folder / "default.vcl"
        configuration.write_text(
            _CONFIGURATION.format(
                port=setup.port,
                backend_port=setup.backend_port,
                pass_on="" if setup.policies.startswith("cache") else "  return (pass);\n",
            )
        )
        return [
            *tool("varnishd"), "-F", "-j", "none", "-n", str(setup.folder / "varnish"),
            "-a", f"127.0.0.1:{setup.port}", "-f", str(configuration), "-s", "malloc,256m",
            "-p", "thread_pools=1", "-p", "listen_depth=4096", "-p", "timeout_idle=3600",
        ]  # fmt: skip

    def version_command(self) -> list[str]:
        return [*tool("varnishd"), "-V"]
