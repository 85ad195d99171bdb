"""A page in a headless Chromium: quotes of `sluice demo` for a page of the gateway's own origin, and
none for a page from elsewhere. Run by `make test-browser`; the demo's ports must be free."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

from aiohttp import web

from kit import PATIENCE

GATEWAY = "127.0.0.1:8080"
ADMIN = "http://127.0.0.1:9901"

# The script holds up the page's end until the socket has told, so that the printed DOM has it.
PAGE = f"""<!doctype html><title>quotes</title><p id="result">nothing yet</p><script>
const say = text => {{ document.getElementById("result").textContent = text; fetch("told"); }};
const socket = new WebSocket("ws://{GATEWAY}/stocks");
socket.onmessage = event => {{ socket.onerror = null; say("quote " + event.data); socket.close(); }};
socket.onerror = () => say("refused");
</script><script src="hold.js"></script>"""


class Pages:
    """Serves the page, and `hold.js` once the page has fetched `told`."""

    def __init__(self):
        self._told = asyncio.Event()
        self._app = web.Application()
        self._app.add_routes([
            web.get("/pages/", self._page), web.get("/pages/told", self._tell),
            web.get("/pages/hold.js", self._hold),
        ])  # fmt: skip

    async def start(self) -> int:
        runner = web.AppRunner(self._app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner.addresses[0][1]

    async def _page(self, _):
        self._told.clear()
        return web.Response(text=PAGE, content_type="text/html")

    async def _tell(self, _):
        self._told.set()
        return web.Response()

    async def _hold(self, _):
        await asyncio.wait_for(self._told.wait(), PATIENCE)
        return web.Response(text="", content_type="text/javascript")


async def dom(url: str) -> str:
    """The page's DOM when it has loaded."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as profile:
        process = await asyncio.create_subprocess_exec(
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--no-proxy-server", f"--user-data-dir={profile}", "--dump-dom", url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 3 * PATIENCE)
        return output.decode()


def show_pages(port: int):
    """Lets the running demo serve the pages, too."""
    text = Path(__file__).parents[2].joinpath("examples/quickstart/sluice.yaml").read_text()
    text = text.replace(
        "\nservices:\n", f'\nservices:\n  pages: {{targets: ["http://127.0.0.1:{port}"]}}\n'
    ).replace(
        "\nroutes:\n", "\nroutes:\n  pages: {match: {prefix: /pages}, service: pages}\n"
    )
    request = urllib.request.Request(f"{ADMIN}/reload", text.encode(), method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE).read()


async def main():
    log = tempfile.TemporaryFile("w+")
    demo = await asyncio.create_subprocess_exec(
        os.environ["SLUICE"], "demo", stdout=log, stderr=asyncio.subprocess.PIPE
    )
    try:
        while b" started " not in (line := await demo.stderr.readline()):
            if not line:
                sys.exit("sluice demo did not start; are its ports taken?")
        port = await Pages().start()
        await asyncio.to_thread(show_pages, port)
        own = await dom(f"http://{GATEWAY}/pages/")
        foreign = await dom(f"http://127.0.0.1:{port}/pages/")
    finally:
        demo.terminate()
        await demo.communicate()
    assert '"symbol"' in own and '<p id="result">quote ' in own, own
    assert '<p id="result">refused</p>' in foreign, foreign
    log.seek(0)
    lines = [json.loads(line) for line in log if line.startswith("{")]
    assert [line["cause"] for line in lines if line.get("event") == "session-closed"] == [
        "client"
    ], lines
    assert [line["code"] for line in lines if line.get("status") == 403] == [
        "origin-not-allowed"
    ], lines
    print("The page of the gateway's own origin got a quote, the page from elsewhere was refused.")


asyncio.run(main())
