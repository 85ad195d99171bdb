"""A page in a headless Chromium: quotes of `sluice demo` for a page of the gateway's own origin, and
none for a page from elsewhere; over HTTPS the WebSocket is a stream of the page's own HTTP/2 connection. Run by `make test-browser`; the demo's ports must be free."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from aiohttp import web

from kit import PATIENCE

GATEWAY = "127.0.0.1:8080"
SECURE = "127.0.0.1:8443"
ADMIN = "http://127.0.0.1:9901"

# The script holds up the page's end until the socket has told, so that the printed DOM has it.
PAGE = f"""<!doctype html><title>quotes</title><p id="result">nothing yet</p><script>
const say = text => {{ document.getElementById("result").textContent = text; fetch("told"); }};
const socket = new WebSocket(
  location.protocol === "https:" ? "wss://{SECURE}/stocks" : "ws://{GATEWAY}/stocks");
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
            "--ignore-certificate-errors", "--no-first-run", "--no-proxy-server", f"--user-data-dir={profile}", "--dump-dom", url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 3 * PATIENCE)
        return output.decode()


def certificate(folder: Path) -> dict[str, str]:
    """Of nobody whom the browser knows."""
    paths = {name: str(folder / f"{name}.pem") for name in ("certificate", "key")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", paths["key"], "-out", paths["certificate"], "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return paths


def show_pages(port: int, files: dict[str, str]):
    """Lets the running demo serve the pages, too, and speak HTTPS."""
    secure = f'{{address: "{SECURE}", tls: {{certificates: [{json.dumps(files)}]}}}}'
    text = Path(__file__).parents[2].joinpath("examples/quickstart/sluice.yaml").read_text()
    text = text.replace("\nlisteners:\n", f"\nlisteners:\n  secure: {secure}\n").replace(
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
        with tempfile.TemporaryDirectory() as folder:
            files = await asyncio.to_thread(certificate, Path(folder))
            await asyncio.to_thread(show_pages, port, files)
        own = await dom(f"http://{GATEWAY}/pages/")
        secure = await dom(f"https://{SECURE}/pages/")
        foreign = await dom(f"http://127.0.0.1:{port}/pages/")
    finally:
        demo.terminate()
        await demo.communicate()
    for page in (own, secure):
        assert '"symbol"' in page and '<p id="result">quote ' in page, page
    assert '<p id="result">refused</p>' in foreign, foreign
    log.seek(0)
    lines = [json.loads(line) for line in log if line.startswith("{")]
    assert [line["cause"] for line in lines if line.get("event") == "session-closed"] == [
        "client",
        "client",
    ], lines
    # A page over HTTPS, and what it fetches, came by HTTP/2.
    pages = [line["protocol"] for line in lines if line.get("route") == "pages"]
    assert {"HTTP/1.1", "HTTP/2"} == set(pages) and pages.count("HTTP/2") >= 3, pages
    # By HTTP/2 the browser needs no connection of its own for it.
    assert [line["protocol"] for line in lines if line.get("status") == 101] == [
        "HTTP/1.1",
        "HTTP/2",
    ], lines
    assert [line["code"] for line in lines if line.get("status") == 403] == [
        "origin-not-allowed"
    ], lines
    print("Pages of the gateway's own origin got quotes, by HTTP/1.1 and by HTTP/2; the page from "
          "elsewhere was refused.")  # fmt: skip


asyncio.run(main())
