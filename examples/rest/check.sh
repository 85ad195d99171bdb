#!/bin/bash
# Runs this example and checks it: check.sh [SLUICE]. Needs curl and python3; the ports are the kernel's
# choice. Exits with 0 when everything is as it should be.
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

read -r web service < <(python3 - <<'PYTHON'
import socket
taken = [socket.socket() for _ in range(2)]
for one in taken:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in taken))
PYTHON
)
sed -e "s/8080/$web/; s/8090/$service/" "$example/sluice.yaml" >sluice.yaml

# The time service; it writes down which fields it got.
python3 - "$service" <<'PYTHON' &
import http.server, json, sys, time
class Time(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        names = ("X-Forwarded-For", "X-Consumer-Username", "apikey")
        with open("seen", "a") as seen:
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

for caller in ALICE BOB CAROL DAVE; do
  export "${caller}_KEY=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')"
done
"$sluice" check sluice.yaml
"$sluice" run sluice.yaml 2>gateway.log &
processes+=($!)
for _ in $(seq 300); do
  curl -s -o /dev/null "http://127.0.0.1:$service/ready" &&
    curl -s -o /dev/null "http://127.0.0.1:$web/" && break
  sleep 0.1
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

url="http://127.0.0.1:$web/time"
ask() { curl -sS --max-time 20 "$@"; }
as() {
  local key="$1_KEY"
  shift
  ask -H "apikey: ${!key}" "$@"
}
status() { "$@" -o /dev/null -w '%{http_code}'; }
# The value of one field of the answer: field NAME COMMAND...
field() {
  local name=$1
  shift
  "$@" -o /dev/null -D - | tr -d '\r' | sed -n "s/^$name: //ip"
}

expect "who is in the group gets the time" '\{"timestamp": [0-9]+\}' as ALICE "$url"
expect "the service sees the caller's address and name, and no key" "/time 127.0.0.1 alice -" \
  tail -n 1 seen
expect "an address that the caller invents is not passed on" "/time 127.0.0.1 carol -" \
  bash -c "curl -sS -o /dev/null -H 'apikey: $CAROL_KEY' -H 'X-Forwarded-For: 192.0.2.1' '$url'; tail -n 1 seen"
expect "who is in another group" "403" status as BOB "$url"
expect "nobody" "401" status ask "$url"
expect "an unknown key" "401" status ask -H "apikey: nobody-has-this" "$url"
expect "another method" "405" status as ALICE -X POST "$url"
expect "the second call is a hit" "sluice; hit; ttl=[0-9]+" field Cache-Status as ALICE "$url"
expect "and did not reach the service" "1" grep -c " alice " seen

# 101 calls in a row. Where a minute of the count ends in between, some of the first are out of sight and
# nobody is refused; the next caller then has a whole minute.
burst() { as "$1" -o /dev/null -w '%{http_code}\n' "$url?call=[1-101]" | uniq -c | tr -s ' \n' ' '; }
limited=""
for caller in ALICE DAVE; do
  limited=$caller
  # Alice has called twice, and her POST met no route.
  if [[ $caller == ALICE ]]; then wanted=" 98 200 3 429 "; else wanted=" 100 200 1 429 "; fi
  found="$(burst "$caller")"
  [[ "$found" == "$wanted" ]] && break
done
expect "a hundred a minute, and not one more" "$wanted" echo "$found"
expect "the next one is refused, too" "429" status as "$limited" "$url"
expect "and told when to come back" "[1-9][0-9]?" field Retry-After as "$limited" "$url"
expect "others are not concerned" "200" status as CAROL "$url"

for caller in ALICE BOB CAROL DAVE; do
  key="${caller}_KEY"
  if grep -qF -- "${!key}" gateway.log seen; then
    echo "FAIL  a key is in the log or has reached the service"
    failures=$((failures + 1))
  fi
done
exit "$((failures > 0))"
