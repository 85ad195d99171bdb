"""The service behind every proxy: nginx with fixed answers, one worker, no logs."""

import http.client
import os
import re
from pathlib import Path

from bench import machine
from bench.install import tool
from bench.server import Server

# Name in a path → bytes of the answer's body.
BODIES = {"25": 25, "1k": 1_024, "64k": 65_536, "1m": 1_048_576}
# What a target should have been told about the caller, and how often the connection was used.
SEEN_PATH = "/seen"
READY_PATH = "/body/25"

_CONFIGURATION = """\
{user}
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 64k;
  sendfile on;
  # No connection holds up the others for long, so that status answers stay prompt.
  sendfile_max_chunk 64k;
  tcp_nopush on;
  open_file_cache max=16;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  default_type text/plain;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /body/25 {{ return 200 "{small}"; }}
    location = /body/1k {{ return 200 "{medium}"; }}
    location /body/ {{ root {folder}/files; }}
    location = {seen} {{
      return 200 "$http_host $http_x_forwarded_for $http_x_forwarded_proto \
$http_x_forwarded_host $http_x_forwarded_port $http_x_real_ip $connection_requests";
    }}
    location = /status {{ stub_status; }}
    location / {{ return 200 "{small}"; }}
  }}
  # HTTP/2 by prior knowledge, as servers of gRPC speak it.
  server {{
    listen 127.0.0.1:{grpc_port} http2 backlog=4096;
    http2_max_concurrent_streams 1000;
    client_body_buffer_size 128k;
    client_max_body_size 0;
    default_type application/grpc;
    add_trailer grpc-status 0;
    location = /grpc/25 {{ return 200 "{small}"; }}
    # Files are not for POST otherwise.
    location /grpc/ {{
      alias {folder}/files/body/;
      error_page 405 =200 $uri;
    }}
    location / {{ return 200 "{small}"; }}
  }}
}}
"""


def start(folder: Path) -> "Backend":
    """Starts the backend; its files are in `folder`, which should be in memory."""
    port = machine.free_port()
    grpc_port = machine.free_port()
    bodies = folder / "files" / "body"
    bodies.mkdir(parents=True)
    for name, size in BODIES.items():
        (bodies / name).write_bytes(b"x" * size)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            port=port,
            grpc_port=grpc_port,
            seen=SEEN_PATH,
            small="x" * BODIES["25"],
            medium="x" * BODIES["1k"],
        )
    )
    backend = Backend(
        [*tool("nginx"), "-p", str(folder), "-c", str(configuration), "-e", "stderr"],
        folder,
        port,
        machine.OTHER_CPU,
    )
    backend.grpc_port = grpc_port
    return backend


class Backend(Server):
    """The backend, which also counts the requests that reached it."""

    # Where calls of gRPC go.
    grpc_port = 0
    _status: http.client.HTTPConnection | None = None

    def requests(self) -> int:
        """How many requests have arrived so far, this question included."""
        if self._status is None:
            self._status = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self._status.request("GET", "/status")
        text = self._status.getresponse().read().decode()
        counts = re.search(r"(\d+) (\d+) (\d+)", text)
        if counts is None:
            raise RuntimeError(f"unexpected status: {text}")
        return int(counts.group(3))
