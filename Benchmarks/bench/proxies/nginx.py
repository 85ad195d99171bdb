"""nginx: upstream keep-alive on; routes are exact locations, which it keeps in a search tree."""

import os

from bench.install import tool
from bench.proxies.base import Proxy, Setup

_CONFIGURATION = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  tcp_nopush {nopush};
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  # Request bodies stay in memory, and answers never go to a file.
  client_body_buffer_size 64k;
  proxy_max_temp_file_size 0;
  proxy_buffers 8 64k;
  proxy_buffer_size 16k;
  proxy_busy_buffers_size 128k;
  proxy_http_version 1.1;
  proxy_set_header Connection "{connection}";
{upgrade}  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Port $server_port;
  proxy_set_header X-Real-IP $remote_addr;
{cache}  upstream backend {{
    server 127.0.0.1:{backend_port};
    keepalive 1024;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096{ssl};
{tls}
{locations}
  }}
}}
"""


_UPGRADE = """\
  proxy_set_header Upgrade $http_upgrade;
  proxy_read_timeout 1h;
"""


# Of the policies it has this one; for the others it only passes requests on.
_CACHE = """\
  sendfile {sendfile};
  proxy_cache_path {folder}/cache keys_zone=cache:10m use_temp_path=off;
  proxy_cache cache;
  proxy_cache_valid 200 1h;
  open_file_cache max=16;
"""


# The same fields for calls of gRPC.
_GRPC = """\
  grpc_buffer_size 64k;
  grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  grpc_set_header X-Forwarded-Proto $scheme;
  grpc_set_header X-Forwarded-Host $http_host;
  grpc_set_header X-Forwarded-Port $server_port;
  grpc_set_header X-Real-IP $remote_addr;
"""


class Nginx(Proxy):
    name = "nginx"

    def command(self, setup: Setup) -> list[str]:
        locations = [
            f"    location = {path} {{ proxy_pass http://backend; }}" for path in setup.routes
        ]
        if not locations:
            passing = "grpc_pass grpc://backend" if setup.grpc else "proxy_pass http://backend"
            locations = [f"    location / {{ {passing}; }}"]
        configuration = setup.folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                user="user root;" if os.geteuid() == 0 else "",
                # It gives up connections when fewer than a sixteenth of these are left.
                connections=32_768 if setup.websocket else 8192,
                connection="upgrade" if setup.websocket else "",
                upgrade=_UPGRADE if setup.websocket else "",
                folder=setup.folder,
                port=setup.port,
                backend_port=setup.backend_port,
                locations="\n".join(locations),
                ssl=(" ssl" if setup.certificate else "") + (" http2" if setup.http2 else ""),
                tls=_tls(setup),
                # With sendfile it makes callers wait 40 ms for the end of large answers.
                nopush="off" if setup.policies == "cache-large" else "on",
                cache=_cache(setup) + (_GRPC if setup.grpc else ""),
            )
        )
        return [*tool("nginx"), "-p", str(setup.folder), "-c", str(configuration), "-e", "stderr"]

    def version_command(self) -> list[str]:
        return [*tool("nginx"), "-v"]


def _cache(setup: Setup) -> str:
    if not setup.policies.startswith("cache"):
        return ""
    # Saves the copy of a large file, and costs a call more for a small one.
    sendfile = "on" if setup.policies == "cache-large" else "off"
    return _CACHE.format(folder=setup.folder, sendfile=sendfile)


def _tls(setup: Setup) -> str:
    """Mozilla's intermediate profile, with tickets as the others have them."""
    if not setup.certificate:
        return ""
    return f"""\
    ssl_certificate {setup.certificate};
    ssl_certificate_key {setup.certificate};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve X25519:prime256v1:secp384r1;
    ssl_prefer_server_ciphers off;
    ssl_session_tickets on;"""
