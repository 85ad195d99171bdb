"""The measured proxies, each configured as its documentation recommends for speed.

All of them run with one worker thread, without logs, with keep-alive on both sides, preserve the
Host field and add the same five fields: X-Forwarded-For, -Proto, -Host, -Port and X-Real-IP.
"""

from bench.proxies.base import Proxy
from bench.proxies.caddy import Caddy
from bench.proxies.envoy import Envoy
from bench.proxies.haproxy import HAProxy
from bench.proxies.nginx import Nginx
from bench.proxies.sluice import Sluice
from bench.proxies.varnish import Varnish

PROXIES: dict[str, Proxy] = {
    proxy.name: proxy for proxy in (Sluice(), Nginx(), HAProxy(), Envoy(), Caddy(), Varnish())
}

__all__ = ["PROXIES", "Proxy"]
