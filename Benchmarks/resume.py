#!/usr/bin/env python3
"""One GET per TLS connection, each taking up the session of the one before: PORT PATH SECONDS.

Prints what `wrk/load.lua` prints. One connection at a time; what counts is the proxy's CPU per request.
"""

import json
import socket
import ssl
import sys
import time


def main() -> None:
    port, path, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    context = ssl._create_unverified_context()
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    session: ssl.SSLSession | None = None
    latencies: list[int] = []
    received = errors = full = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter_ns()
        try:
            raw = socket.create_connection(("127.0.0.1", port), timeout=10)
            # Else the request waits behind the handshake's last message for a delayed acknowledgement.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(raw, session=session) as peer:
                peer.sendall(request.encode())
                answer = b""
                while piece := peer.recv(65_536):
                    answer += piece
                full += 0 if peer.session_reused else 1
                session = peer.session
        except OSError:
            errors += 1
            continue
        received += len(answer)
        errors += 0 if answer.startswith(b"HTTP/1.1 200") else 1
        latencies.append((time.perf_counter_ns() - began) // 1_000)
    # The first one has nothing to resume.
    errors += max(0, full - 1)
    latencies.sort()
    result = {
        "requests": len(latencies),
        "bytes": received,
        "p50": latencies[len(latencies) // 2] if latencies else 0,
        "p99": latencies[len(latencies) * 99 // 100] if latencies else 0,
        "errors": errors,
    }
    print("RESULT " + json.dumps(result))


main()
