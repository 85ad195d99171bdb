#!/bin/bash
# Runs this example and checks it: check.sh [SLUICE]. Needs curl, openssl, h2load and python3, and brings
# websockets from PyPI, as the tests with real clients do; the ports are the kernel's choice. Exits with 0
# when everything is as it should be.
set -euo pipefail

example="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository="$example/../.."
sluice="$(realpath "${1:-$repository/.build/release/sluice}")"
"$repository/scripts/install-clients.sh" >&2
python="$(realpath -s "$repository/.clients/venv/bin/python")"
folder="$(mktemp -d)"
processes=()
finish() {
  # The shell would tell of each that it was killed.
  exec 2>/dev/null
  # Whoever started this may hold SIGTERM back, and they inherit that.
  for process in "${processes[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
  wait 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

"$example/certificates.sh" certificates
# Five ports that are free, one after the other in the file.
read -r plain web members files sockets < <(python3 - <<'PYTHON'
import socket
taken = [socket.socket() for _ in range(5)]
for one in taken:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in taken))
PYTHON
)
sed -e "s/8080/$plain/; s/8443/$web/; s/8444/$members/; s/8081/$files/; s/8082/$sockets/" \
  "$example/sluice.yaml" >sluice.yaml

mkdir www
echo "hello" >www/hello
head -c 3000000 /dev/urandom >www/large
python3 -m http.server "$files" --bind 127.0.0.1 --directory www >/dev/null 2>&1 &
processes+=($!)
# Answers a WebSocket handshake, then returns every byte.
python3 - "$sockets" <<'PYTHON' &
import base64, hashlib, socket, sys, threading
def serve(peer):
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(4096)
    key = next(l.split(b":")[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while data := peer.recv(65536):
        if data[0] == 0x88:
            peer.sendall(b"\x88\x00")
            return
        # A masked text frame becomes a plain one.
        count = data[1] & 127
        mask, text = data[2:6], data[6:6 + count]
        peer.sendall(bytes([0x81, count]) + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PYTHON
processes+=($!)

"$sluice" check sluice.yaml
"$sluice" run sluice.yaml 2>gateway.log &
processes+=($!)
for _ in $(seq 300); do
  curl -s -o /dev/null "http://127.0.0.1:$files/" && curl -s -o /dev/null "http://127.0.0.1:$plain/" && break
  sleep 0.1
done

failures=0
# expect WHAT WANTED COMMAND...: the command's output, or its exit status if it has none.
expect() {
  local what=$1 wanted=$2 found
  shift 2
  found="$("$@" 2>/dev/null)" || found="exit $?"
  if [[ "$found" == "$wanted" ]]; then
    echo "ok    $what"
  else
    echo "FAIL  $what: '$found' instead of '$wanted'"
    failures=$((failures + 1))
  fi
}

ask() { curl -sS --max-time 20 --cacert certificates/ca.pem "$@"; }
# The subject of the certificate that is shown: shown NAME OPTION...
shown() {
  local name=$1
  shift
  openssl s_client -connect "127.0.0.1:$web" -servername "$name" "$@" </dev/null 2>/dev/null |
    openssl x509 -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p'
}
key() { openssl s_client -connect "127.0.0.1:$web" -servername localhost "$@" </dev/null 2>/dev/null |
  sed -n 's/^Peer signature type: //p'; }
resumed() {
  (printf 'GET /files/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'; sleep 1) |
    openssl s_client -quiet -connect "127.0.0.1:$web" -sess_out session >/dev/null
  openssl s_client -connect "127.0.0.1:$web" -sess_in session </dev/null | sed -n 's/^\(Reused\),.*/\1/p'
}
# One masked frame there and a plain one back.
socket() {
  python3 - "$web" <<'PYTHON'
import socket, ssl, sys
context = ssl.create_default_context(cafile="certificates/ca.pem")
peer = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost")
peer.settimeout(20)
peer.sendall(b"GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
head = b""
while b"\r\n\r\n" not in head:
    head += peer.recv(4096)
assert head.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
mask = b"\x01\x02\x03\x04"
peer.sendall(b"\x81\x85" + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(b"hello")))
frame = b""
while len(frame) < 7:
    frame += peer.recv(4096)
print(frame[2:].decode())
PYTHON
}

# The same by a client that others wrote, with a long message too.
websockets() {
  "$python" - "$web" <<'PYTHON'
import asyncio, ssl, sys
from websockets.asyncio.client import connect
async def main():
    context = ssl.create_default_context(cafile="certificates/ca.pem")
    # The target knows short frames only.
    async with connect(f"wss://localhost:{sys.argv[1]}/socket", ssl=context, compression=None) as socket:
        for text in ["first", "second", "x" * 125]:
            await socket.send(text)
            assert await socket.recv() == text, text
        print(socket.transport.get_extra_info("cipher")[1])
asyncio.run(main())
PYTHON
}
# What openssl says by hand: the answer's status line.
by_hand() {
  printf 'GET /files/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
    openssl s_client -quiet -ign_eof -connect "127.0.0.1:$web" "$@" | head -1 | tr -d '\r'
}
# Requests that succeeded, of 400 over four connections with ten streams each.
load() { h2load -n 400 -c 4 -m 10 "$base/files/hello" | sed -n 's/^requests:.* \([0-9]* succeeded\),.*/\1/p'; }

base="https://localhost:$web"
expect "HTTPS" "hello" ask "$base/files/hello"
expect "TLS 1.2" "hello" ask --tls-max 1.2 "$base/files/hello"
expect "TLS 1.3" "hello" ask --tlsv1.3 "$base/files/hello"
expect "HTTP/1.0" "hello" ask --http1.0 "$base/files/hello"
expect "openssl s_client, TLS 1.2" "HTTP/1.1 200 OK" by_hand -tls1_2
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
  expect "openssl s_client, $suite" "HTTP/1.1 200 OK" by_hand -tls1_3 -ciphersuites "$suite"
done
expect "TLS 1.1 is refused" "exit 35" ask --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$base/files/hello"
expect "a large body" "" cmp www/large <(ask "$base/files/large")
expect "SNI: a wildcard" "Example wildcard" shown shop.example.test
expect "SNI: an unknown name" "localhost" shown unknown.test
expect "an ECDSA key" "ECDSA" key
expect "an RSA key for who can't ECDSA" "RSA-PSS" key -sigalgs rsa_pss_rsae_sha256
expect "a resumed session" "Reused" resumed
expect "HTTP/2 by ALPN" "2" ask --http2 -o /dev/null -w '%{http_version}' "$base/files/hello"
expect "HTTP/1.1 for who wants it" "1.1" ask --http1.1 -o /dev/null -w '%{http_version}' "$base/files/hello"
expect "a large body by HTTP/2" "" cmp www/large <(ask --http2 "$base/files/large")
expect "h2load" "400 succeeded" load
expect "HTTP/2 in clear text" "2 308" \
  curl -sS --http2-prior-knowledge -o /dev/null -w '%{http_version} %{http_code}' "http://localhost:$plain/"
expect "TLS to the target" "hello" ask "$base/secure/files/hello"
expect "wss" "hello" socket
expect "wss by the package websockets" "TLSv1.3" websockets
expect "the redirect" "308 https://localhost:$web/files/hello?a=b" \
  curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' "http://localhost:$plain/files/hello?a=b"
expect "plain HTTP on the TLS port" "400" \
  curl -sS -o /dev/null -w '%{http_code}' "http://localhost:$web/files/hello"
expect "a client certificate" "hello" \
  ask --cert certificates/alice.pem --key certificates/alice.key "https://localhost:$members/files/hello"
expect "no client certificate" "exit 56" ask --http1.1 "https://localhost:$members/files/hello"
expect "a revoked client certificate" "exit 56" \
  ask --http1.1 --cert certificates/mallory.pem --key certificates/mallory.key "https://localhost:$members/files/hello"

if grep -q "PRIVATE KEY" gateway.log; then
  echo "FAIL  the log shows a key"
  failures=$((failures + 1))
fi
exit "$((failures > 0))"
