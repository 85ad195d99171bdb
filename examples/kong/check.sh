#!/bin/bash
# Runs rest-kong.yaml and shop-kong.yaml, configurations of Kong, and checks them: check.sh [SLUICE]. Needs curl and python3;
# the ports are the kernel's choice. Exits with 0 when everything is as it should be.
set -euo pipefail

example="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
sluice="$(realpath "${1:-$example/../../.build/release/sluice}")"
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
cp "$example/rest-kong.yaml" kong.yaml
cp "$example/shop-kong.yaml" shop.yaml

read -r web converted service shop logs < <(python3 - <<'PYTHON'
import socket
taken = [socket.socket() for _ in range(5)]
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

# The shop: one server for its services, and one that gets the lines of its log.
python3 - "$logs" <<'PYTHON' &
import http.server, json, sys
class Logs(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        lines = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("logged", "a") as logged:
            for line in lines:
                who = line.get("consumer", {}).get("username", "-")
                print(self.headers["Authorization"], line["request"]["uri"],
                      line["response"]["status"], who, file=logged)
        self.send_response(204)
        self.end_headers()
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Logs).serve_forever()
PYTHON
processes+=($!)
export ALICE_KEY=key-of-alice BOB_KEY=key-of-bob CAROL_KEY=key-of-carol LOG_AUTHORIZATION=let-me-in
"$sluice" convert shop.yaml >shop-sluice.yaml 2>shop-warnings
sed 's/127.0.0.1:9901/127.0.0.1:0/' shop-sluice.yaml >shop-run.yaml
"$sluice" run shop-run.yaml --listen "127.0.0.1:$shop" \
  --resolve "catalogue.internal:8080=127.0.0.1:$service" \
  --resolve "orders-1.internal:9000=127.0.0.1:$service" \
  --resolve "orders-2.internal:9000=127.0.0.1:$service" \
  --resolve "logs.internal:9200=127.0.0.1:$logs" 2>shop.log >shop-access.log &
processes+=($!)
for port in "$service" "$web" "$converted" "$logs" "$shop"; do
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

url="http://127.0.0.1:$shop"
expect "the catalogue is open" 200 status "$url/catalogue"
expect "it is asked below its path" "/v1/items/17 .*" bash -c \
  "curl -s -o /dev/null '$url/items/17'; tail -n 1 seen"
expect "an order needs a key" 401 status "$url/orders"
expect "and a group" 403 status -H "apikey: $CAROL_KEY" "$url/orders"
expect "bob's plan is told" "x-plan: free" bash -c \
  "curl -sD - -o /dev/null -H 'apikey: $BOB_KEY' '$url/orders' | tr -d '\r' | grep x-plan"
for _ in 1 2; do
  expect "bob may order" 200 status -H "apikey: $BOB_KEY" "$url/orders"
done
expect "three times a minute" '\{"message":"Buy gold"\}' ask -H "apikey: $BOB_KEY" "$url/orders"
for _ in 1 2 3 4; do
  expect "gold may more" 200 status -H "apikey: $ALICE_KEY" "$url/orders"
done
ordered() { grep -c '"username":"alice"' orders.log || true; }
for _ in $(seq 100); do
  [ "$(ordered)" = 4 ] && break
  sleep 0.1
done
expect "orders have a file" 4 ordered
expect "all have a server" "let-me-in /orders 200 alice" bash -c "for _ in \$(seq 100); do
  grep -q alice logged && break; sleep 0.1; done; grep alice logged | head -n 1"
expect "the converted shop holds no key" "exit 1" grep -E "key-of-|let-me-in" shop-sluice.yaml
expect "and no log does" "exit 1" grep -lE "key-of-|let-me-in" shop.log shop-access.log orders.log

for log in gateway.log access.log converted.log access2.log; do
  if grep -qF -- "$key" "$log"; then
    echo "FAIL  a key is in $log"
    failures=$((failures + 1))
  fi
done
exit "$((failures > 0))"
