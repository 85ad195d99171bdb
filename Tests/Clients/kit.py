"""Starts the built gateway in front of servers that a test brings."""

import asyncio
import contextlib
import json
import os
import re
import tempfile
import urllib.request
from pathlib import Path

# The safety net: nothing that is tested takes this long.
PATIENCE = 60


class Gateway:
    """`sluice run` with free ports; `async with` starts and drains it."""

    def __init__(self, services: str, routes: str, extra: str = ""):
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "access.log")
        self._file = Path(self._folder.name, "sluice.yaml")
        self._file.write_text(
            f"""
version: 1
workers: 2
accessLog: {{output: "{self._log}"}}
admin: {{address: "127.0.0.1:0"}}
shutdown: {{timeout: 2s}}
listeners: {{web: {{address: "127.0.0.1:0"}}}}
services:
{services}
routes:
{routes}
{extra}
"""
        )

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            os.environ["SLUICE"], "run", str(self._file),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        addresses = {}
        while True:
            line = (await asyncio.wait_for(self._process.stderr.readline(), PATIENCE)).decode()
            if not line:
                raise AssertionError("the gateway did not start")
            if found := re.search(r" listening .*", line):
                fields = dict(part.split("=", 1) for part in found[0].split()[1:])
                addresses[fields["listener"]] = fields["address"]
            if " started " in line:
                break
        self.address = addresses["web"]
        self.admin = addresses["admin"]
        # Nobody reads on otherwise, and a full pipe would hold up the gateway.
        self._reader = asyncio.create_task(self._process.stderr.read())
        return self

    async def __aexit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await asyncio.wait_for(self._process.wait(), PATIENCE)
        await self._reader
        self._folder.cleanup()

    def ws(self, path: str = "/") -> str:
        return f"ws://{self.address}{path}"

    def http(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"

    async def ask(self, path: str) -> str:
        """What the admin API answers."""

        def get():
            with urllib.request.urlopen(f"http://{self.admin}{path}", timeout=PATIENCE) as answer:
                return answer.read().decode()

        return await asyncio.to_thread(get)

    async def ended(self) -> dict:
        """The log line of the one session that has ended."""
        lines = []
        await until(lambda: lines.extend(self.ends()) or lines)
        assert len(lines) == 1, lines
        return lines[0]

    def ends(self) -> list:
        if not self._log.exists():
            return []
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line.get("event") == "session-closed"]


async def until(condition):
    """Waits for an event of the other side."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)
