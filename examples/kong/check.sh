#!/bin/bash
# Runs rest-kong.yaml, a configuration of Kong, and checks it: check.sh [SLUICE]. Needs curl and python3;
# the ports are the kernel's choice. Exits with 0 when everything is as it should be.
set -euo pipefail

example="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
sluice="$(realpath "${1:-$example/../../.build/release/sluice}")"
folder="$(mktemp -d)"
processes=()
finish() {
  # Whoever started this may hold SIGTERM back, and they inherit that.
  for process in "${processes[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
  wait 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
cp "$example/rest-kong.yaml" kong.yaml

read -r web converted service < <(python3 - <<'PYTHON'
import socket
taken = [socket.socket() for _ in range(3)]
for one in taken:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in taken))
PYTHON
)

# The time service; it writes down what it was asked for and by whom.
python3 - "$service" <<'PYTHON' &
import http.server, json, sys, time
class Time(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        with open("seen", "a") as seen:
            names = ("Host", "X-Forwarded-For", "apikey")
            print(self.path, *(self.headers.get(name, "-") for name in names), file=seen)
        body = json.dumps({"timestamp": int(time.time())}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Time).serve_forever()
PYTHON
processes+=($!)

# The file names two groups and nobody in them: somebody's key comes from outside.
SLUICE_KEY_AUTHENTICATED_CONSUMER_GROUP_A="$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')"
export SLUICE_KEY_AUTHENTICATED_CONSUMER_GROUP_A
key=$SLUICE_KEY_AUTHENTICATED_CONSUMER_GROUP_A

"$sluice" run kong.yaml --resolve "time-service.internal:8080=127.0.0.1:$service" \
  --listen "127.0.0.1:$web" 2>gateway.log >access.log &
processes+=($!)
"$sluice" convert kong.yaml >sluice.yaml 2>warnings
"$sluice" run sluice.yaml --resolve "time-service.internal:8080=127.0.0.1:$service" \
  --listen "127.0.0.1:$converted" 2>converted.log >access2.log &
processes+=($!)
for port in "$service" "$web" "$converted"; do
  for _ in $(seq 300); do
    curl -s -o /dev/null "http://127.0.0.1:$port/ready" && break
    sleep 0.1
  done
done

failures=0
# expect WHAT PATTERN COMMAND...: the command's output, or its exit status if it has none.
expect() {
  local what=$1 wanted=$2 found
  shift 2
  found="$("$@" 2>/dev/null)" || found="exit $?"
  if [[ "$found" =~ ^$wanted$ ]]; then
    echo "ok    $what"
  else
    echo "FAIL  $what: '$found' instead of '$wanted'"
    failures=$((failures + 1))
  fi
}
ask() { curl -sS --max-time 20 "$@"; }
status() { ask "$@" -o /dev/null -w '%{http_code}'; }
warned() { grep -cE "^kong.yaml:$1: warning: .*$2" gateway.log || true; }

for port in "$web" "$converted"; do
  url="http://127.0.0.1:$port/time"
  expect "a caller in an allowed group gets the time" '\{"timestamp": [0-9]+\}' \
    ask -H "apikey: $key" "$url"
  expect "the service is asked for /time and sees the caller's address and no key" \
    "/time time-service.internal:8080 127.0.0.1 -" tail -n 1 seen
  expect "nobody" "401" status "$url"
  expect "an unknown key" "401" status -H "apikey: nobody-has-this" "$url"
  expect "another method" "405" status -H "apikey: $key" -X POST "$url"
  expect "another path" "404" status -H "apikey: $key" "http://127.0.0.1:$port/other"
  expect "as in Kong, a path goes on within its segment" "200" status -H "apikey: $key" "${url}s"
done
expect "the version that is missing is told" 1 warned "2:1" "_format_version"
expect "so is what Kong does with the address" 1 warned "7:13" "X-Forwarded-For"
expect "so is what Kong does with an acl alone" 1 warned "8:5" "401 to everybody"
expect "so is what Kong does with the path" 1 warned "19:5" "Kong would strip /time"
expect "the converted file is right" "" "$sluice" check sluice.yaml
expect "it tells the same differences" "0" bash -c "grep ' warning: ' warnings |
  grep -cvxFf gateway.log || true"
expect "and it holds no key" "exit 1" grep -F -- "$key" sluice.yaml
for log in gateway.log access.log converted.log access2.log; do
  if grep -qF -- "$key" "$log"; then
    echo "FAIL  a key is in $log"
    failures=$((failures + 1))
  fi
done
exit "$((failures > 0))"
