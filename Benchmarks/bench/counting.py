"""What the two counting commands share: system calls and heap allocations per request."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import backend
from bench.backend import READY_PATH, Backend
from bench.cases import CASES, Case
from bench.install import MissingTool
from bench.proxies import PROXIES, Proxy
from bench.report import OURS
from bench.server import ServerFailed

# A figure per request and what to say about it.
Count = tuple[float, str]


def main(description: str, peers: str, count: Callable[[Proxy, Case, Backend], Count]) -> int:
    """Prints one figure per proxy; fails when ours is above the budget."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--peers", default=peers, help=f"the proxies (default: {peers})")
    parser.add_argument("--case", default="get-25-64", help="the load (default: get-25-64)")
    parser.add_argument("--budget", type=float, help=f"the most that {OURS} may need")
    options = parser.parse_args()
    case = next((case for case in CASES if case.name == options.case), None)
    if case is None:
        parser.error(f"no such case: {options.case}")

    failed = False
    try:
        with tempfile.TemporaryDirectory(prefix="bench-backend-") as folder:
            with backend.start(Path(folder)) as service:
                service.wait_until_ready(READY_PATH)
                for name in options.peers.split(","):
                    figure, remark = count(PROXIES[name], case, service)
                    limit = options.budget if name == OURS else None
                    above = limit is not None and figure > limit
                    failed = failed or above
                    verdict = f"  above the budget of {limit:g}" if above else ""
                    print(f"{name:<8} {figure:8.3f}  {remark}{verdict}", flush=True)
    except (MissingTool, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if failed else 0
