"""Envoy: one worker, no dynamic statistics; routes are an exact-match map."""

import json
from typing import Any

from bench.install import tool
from bench.proxies.base import Proxy, Setup

_TYPES = "type.googleapis.com/envoy"
_CLUSTER = "service"


class Envoy(Proxy):
    name = "envoy"

    def command(self, setup: Setup) -> list[str]:
        configuration = setup.folder / "envoy.json"
        configuration.write_text(
            json.dumps({"static_resources": {
                "listeners": [_listener(setup)],
                "clusters": [_cluster(setup)],
            }})
        )  # fmt: skip
        return [
            *tool("envoy"), "--concurrency", "1", "--disable-hot-restart",
            "--log-level", "error", "-c", str(configuration),
        ]  # fmt: skip

    def version_command(self) -> list[str]:
        return [*tool("envoy"), "--version"]


def _listener(setup: Setup) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "web",
        "codec_type": "AUTO" if setup.http2 else "HTTP1",
        "use_remote_address": True,
        "generate_request_id": False,
        "http_filters": [{
            "name": "router",
            "typed_config": {
                "@type": f"{_TYPES}.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": True,
                "dynamic_stats": False,
            },
        }],
        "route_config": {
            "request_headers_to_add": [
                _field("X-Forwarded-Host", "%REQ(:AUTHORITY)%"),
                _field("X-Forwarded-Port", "%DOWNSTREAM_LOCAL_PORT%"),
                _field("X-Real-IP", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
            ],
            "virtual_hosts": [{"name": "all", "domains": ["*"], **_routes(setup)}],
        },
    }  # fmt: skip
    if setup.websocket:
        manager["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": manager}]}
    if setup.certificate:
        chain["transport_socket"] = _tls(str(setup.certificate), setup.http2)
    return {
        "name": "web",
        "address": _address(setup.port),
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    }


def _tls(certificate: str, http2: bool) -> dict[str, Any]:
    common = {
        "alpn_protocols": ["h2", "http/1.1"] if http2 else ["http/1.1"],
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_2",
            "tls_maximum_protocol_version": "TLSv1_3",
        },
        "tls_certificates": [{
            "certificate_chain": {"filename": certificate},
            "private_key": {"filename": certificate},
        }],
    }  # fmt: skip
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": common,
        },
    }


def _routes(setup: Setup) -> dict[str, Any]:
    """A plain list of routes would be searched one by one; the matcher is a hash table."""
    everything = {"match": {"prefix": "/"}, "route": {"cluster": _CLUSTER}}
    if not setup.routes:
        return {"routes": [everything]}
    action = {
        "action": {
            "name": "route",
            "typed_config": {"@type": f"{_TYPES}.config.route.v3.Route", **everything},
        }
    }
    path = {
        "name": "path",
        "typed_config": {
            "@type": f"{_TYPES}.type.matcher.v3.HttpRequestHeaderMatchInput",
            "header_name": ":path",
        },
    }
    table = {"map": {path: action for path in setup.routes}}
    return {"matcher": {"matcher_tree": {"input": path, "exact_match_map": table}}}


def _cluster(setup: Setup) -> dict[str, Any]:
    unlimited = {"max_connections": 100_000, "max_pending_requests": 100_000,
                 "max_requests": 100_000}  # fmt: skip
    endpoint = {"endpoint": {"address": _address(setup.backend_port)}}
    spoken: dict[str, Any] = {}
    if setup.grpc:
        options = {
            "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        spoken["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    return {
        **spoken,
        "name": _CLUSTER,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [unlimited]},
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _field(name: str, value: str) -> dict[str, Any]:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
