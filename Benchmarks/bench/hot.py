"""Which functions a request runs through, for the linker to put side by side.

Callgrind counts the instructions of each function under one load after the other. The names come out by
their share of the first load, then what the second needs in addition, and so on. The file they go into is
an input of the release build, and a name in it that no longer exists is passed over.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from bench import backend
from bench.backend import READY_PATH
from bench.cases import CASES
from bench.install import tool
from bench.load import Load
from bench.measure import running
from bench.paths import REPOSITORY, SLUICE
from bench.proxies.base import Setup
from bench.proxies.sluice import Sluice

_LIST = REPOSITORY / "scripts" / "hot-functions.txt"
_LOADS = [
    "get-25-64", "policies", "cache-hit-25", "post-16k", "tls-get-25-64", "h2-get-25-32x32",
]  # fmt: skip
_SECONDS = 4
# Of a load's instructions; what needs less is not worth a place.
_LEAST_SHARE = 0.0003


class _Profiled(Sluice):
    """Sluice without debug information, whose newer format Valgrind does not read."""

    def __init__(self, binary: Path, output: Path) -> None:
        self._binary, self._output = binary, output

    def command(self, setup: Setup) -> list[str]:
        counting = ["--tool=callgrind", "--instr-atstart=no"]
        counting.append(f"--callgrind-out-file={self._output}")
        return [*tool("valgrind"), *counting, str(self._binary), *super().command(setup)[1:]]


def main() -> int:
    # In the order in which they were found.
    hot: dict[str, None] = {}
    with tempfile.TemporaryDirectory(prefix="bench-hot-") as name:
        folder = Path(name)
        binary, output = folder / "sluice", folder / "callgrind.out"
        shutil.copy(SLUICE, binary)
        subprocess.run(["strip", "-g", binary], check=True)
        with backend.start(folder) as service:
            service.wait_until_ready(READY_PATH)
            for load in _LOADS:
                case = next(case for case in CASES if case.name == load)
                with running(
                    _Profiled(binary, output),
                    case.routes,
                    service.port,
                    encrypted=case.tls,
                    work=case.policies,
                    http2=case.streams > 0,
                ) as server:
                    # The start does not count.
                    (process,) = server.processes()
                    subprocess.run(
                        [*tool("callgrind_control"), "-i", "on", str(process)],
                        check=True, capture_output=True,
                    )  # fmt: skip
                    result = Load(case, server.port, _SECONDS).result()
                costs = _costs(output.read_text(), str(binary))
                each = costs.total() / max(result.requests, 1)
                print(f"{load}: {each:,.0f} instructions a request, of {result.requests}", flush=True)
                least = costs.total() * _LEAST_SHARE
                hot |= {name: None for name, cost in costs.most_common() if cost >= least}
    _LIST.write_text("\n".join(hot) + "\n")
    # The build does not see that this list has changed.
    SLUICE.unlink()
    print(f"{len(hot)} functions; now `make build`")
    return 0


def _costs(profile: str, binary: str) -> Counter[str]:
    """Instructions of each of the binary's functions, without what it calls."""
    names: dict[str, str] = {}
    objects: dict[str, str] = {}
    costs: Counter[str] = Counter()
    function, object, is_call = "", "", False
    for line in profile.splitlines():
        if found := re.match(r"(c?fn|c?ob)=\((\d+)\)(?: (.*))?", line):
            kind, number, name = found.groups()
            if name:
                (objects if kind.endswith("ob") else names)[number] = name
            if kind == "fn":
                function = names[number]
            elif kind == "ob":
                object = objects[number]
        elif line.startswith("calls="):
            is_call = True
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            fields = line.split()
            # The linker knows no name with blanks: those of C++, which come out demangled.
            if not is_call and len(fields) == 2 and object == binary and " " not in function:
                # Recursion has a number behind its name.
                costs[function.partition("'")[0]] += int(fields[1])
            is_call = False
    return costs


if __name__ == "__main__":
    raise SystemExit(main())
