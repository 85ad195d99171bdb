"""What is measured."""

from dataclasses import dataclass

from bench.backend import BODIES


@dataclass(frozen=True)
class Case:
    """One kind of load."""

    name: str
    title: str
    path: str = "/"
    connections: int = 64
    # POST bodies of this size; GET when zero.
    body: int = 0
    # A new client connection for every request.
    close: bool = False
    # Exact routes `/routes/N/items`, all of them visited in turn; none: one route for everything.
    routes: int = 0
    # Bytes of an answer that is so large that work is counted in bytes, over the whole load: the
    # requests of all connections run in step, so a window may catch few of their starts.
    large_answer: int = 0
    # HTTPS, with an ECDSA P-256 certificate.
    tls: bool = False
    # Requests under way on each connection by HTTP/2; HTTP/1.1 when zero.
    streams: int = 0
    # Calls of gRPC, so that the backend is spoken to by HTTP/2, too; by `streams`.
    grpc: bool = False
    # Every connection takes up the session of the one before it.
    resume: bool = False
    # Cases of one series are compared with each other, so they take turns within each round.
    series: str = ""
    # Measured so many times as often as others: its budgets are narrower than one round is exact.
    repeats: int = 1
    # What the proxy does with each request beside passing it on: a name of `bench.policies`.
    policies: str = ""
    # Of what a policy looks for: so many consumers, each of whom calls in turn, or networks.
    count: int = 0
    # The window is so many times as long as others.
    window: int = 1
    # Answers that never reach the backend, so that requests are counted by the load generator.
    is_answered_by_proxy: bool = False
    # The proxies that have this case; empty: all.
    peers: tuple[str, ...] = ()
    # Part of `--quick`.
    quick: bool = False


def route_path(number: int) -> str:
    return f"/routes/{number}/items"


_SIZES = {"25": "25 B", "1k": "1 KB", "64k": "64 KB", "1m": "1 MB"}

CASES = [
    *(
        Case(
            f"get-{size}-{connections}",
            f"GET {_SIZES[size]}, {connections} connections",
            path=f"/body/{size}",
            connections=connections,
            large_answer=BODIES[size] if BODIES[size] >= 65_536 else 0,
            repeats=3 if (size, connections) == ("25", 64) else 1,
            quick=(size, connections) in {("25", 64), ("25", 512), ("1m", 64)},
        )
        for connections in (64, 512)
        for size in BODIES
    ),
    # For the part of the CPU that is the proxy's own: of that every case knows only a sample.
    Case(
        "get-25-long",
        "GET 25 B, 64 connections, long windows",
        path="/body/25",
        repeats=3,
        window=4,
        peers=("sluice", "nginx"),
    ),
    Case("post-16k", "POST 16 KB, 64 connections", body=16_384, quick=True),
    Case("close", "new connection per GET", path="/body/25", close=True, quick=True),
    *(
        Case(
            f"routes-{count}",
            f"GET, {count:,} routes",
            routes=count,
            series="routes",
            repeats=3 if count in {10, 10_000} else 1,
            quick=count in {10, 10_000},
        )
        for count in (10, 100, 1_000, 10_000)
    ),
    # The same as a converted file of Kong has them.
    *(
        Case(
            f"kong-routes-{count}",
            f"GET, {count:,} routes with a priority",
            routes=count,
            series="kong-routes",
            policies="priority",
            repeats=3,
            peers=("sluice",),
        )
        for count in (10, 10_000)
    ),
    *(
        Case(
            f"tls-get-{size}-64",
            f"HTTPS GET {_SIZES[size]}, 64 connections",
            path=f"/body/{size}",
            large_answer=BODIES[size] if BODIES[size] >= 65_536 else 0,
            tls=True,
            quick=size == "25",
        )
        for size in ("25", "64k", "1m")
    ),
    *(
        Case(
            f"h2-get-25-{connections}x{streams}",
            f"h2 GET 25 B, {connections} × {streams} streams",
            path="/body/25",
            connections=connections,
            streams=streams,
            tls=True,
            quick=connections == 32,
        )
        for connections, streams in ((1, 100), (32, 32))
    ),
    Case(
        "h2-get-64k-32x32",
        "h2 GET 64 KB, 32 × 32 streams",
        path="/body/64k",
        connections=32,
        streams=32,
        large_answer=BODIES["64k"],
        tls=True,
    ),
    # A call with one message each way.
    Case(
        "grpc-unary-32x32",
        "gRPC, unary, 32 × 32 streams",
        path="/grpc/25",
        connections=32,
        streams=32,
        body=64,
        tls=True,
        grpc=True,
        quick=True,
    ),
    # Many messages from the server, and from the client.
    Case(
        "grpc-server-stream-32x8",
        "gRPC, 64 KB from the server, 32 × 8 streams",
        path="/grpc/64k",
        connections=32,
        streams=8,
        body=64,
        large_answer=BODIES["64k"],
        tls=True,
        grpc=True,
    ),
    Case(
        "grpc-client-stream-32x8",
        "gRPC, 64 KB from the client, 32 × 8 streams",
        path="/grpc/25",
        connections=32,
        streams=8,
        body=65_536,
        tls=True,
        grpc=True,
    ),
    Case(
        "tls-handshake",
        "full TLS handshake per GET",
        path="/body/25",
        close=True,
        tls=True,
        quick=True,
    ),
    Case(
        "tls-resume",
        "resumed TLS handshake per GET",
        path="/body/25",
        connections=1,
        close=True,
        tls=True,
        resume=True,
    ),
    Case(
        "policies",
        "GET 25 B with key, groups, rate limit, edits and log",
        path="/body/25",
        policies="chain",
        peers=("sluice", "nginx"),
        quick=True,
    ),
    # What one policy after the other adds.
    *(
        Case(
            f"adding-{policies or 'nothing'}",
            f"GET 25 B with {title}",
            path="/body/25",
            policies=policies,
            series="adding",
            repeats=3,
            window=2,
            peers=("sluice",),
        )
        for policies, title in (
            ("", "no policy"),
            ("key-auth", "key-auth"),
            ("acl", "key-auth and acl"),
            ("rate-limit", "key-auth, acl and rate-limit"),
            ("jwt", "jwt (RS256, seen before)"),
        )
    ),
    *(
        Case(
            f"{policies}-{count}",
            f"GET 25 B, {count:,} {policies}",
            path="/body/25",
            policies=policies,
            count=count,
            series=policies,
            repeats=3,
            peers=("sluice",),
        )
        for policies, counts in (("consumers", (10, 100_000)), ("networks", (10, 10_000)))
        for count in counts
    ),
    Case(
        "jwt",
        "GET 25 B with a JWT (RS256, seen before)",
        path="/body/25",
        policies="jwt",
        peers=("sluice", "nginx"),
    ),
    *(
        Case(
            f"cache-hit-{size}",
            f"cache hit {_SIZES[size]}",
            path=f"/body/{size}",
            policies="cache-large" if large else "cache",
            is_answered_by_proxy=True,
            peers=("sluice", "nginx", "varnish"),
            quick=size == "25",
        )
        for size, large in (("25", False), ("64k", True))
    ),
]
