-- Shapes the load by environment variables and prints what was completed as one line of JSON.
--   BENCH_BODY     bytes: POST with a body of that size
--   BENCH_CLOSE    set: asks for the end of the connection with every request
--   BENCH_ROUTES   count: GET /routes/1/items, /routes/2/items, …, each in turn
--   BENCH_HEADERS  lines `name: value`, sent with every request
--   BENCH_CALLERS  `key` or `address`: each request is the next one's of BENCH_COUNT callers, as
--                  bench/policies.py numbers them

local body = tonumber(os.getenv("BENCH_BODY") or "")
local routes = tonumber(os.getenv("BENCH_ROUTES") or "")
local callers = os.getenv("BENCH_CALLERS")
local count = tonumber(os.getenv("BENCH_COUNT") or "")

if body then
  wrk.method = "POST"
  wrk.body = string.rep("x", body)
  wrk.headers["Content-Type"] = "application/octet-stream"
end

if os.getenv("BENCH_CLOSE") then
  wrk.headers["Connection"] = "close"
end

for name, value in (os.getenv("BENCH_HEADERS") or ""):gmatch("([^:\n]+): ([^\n]+)") do
  wrk.headers[name] = value
end

-- `request` is defined where it must be: without it wrk sends a fixed request, which is cheaper.
if routes then
  local requests = {}
  local position = 0

  function init()
    for number = 1, routes do
      requests[number] = wrk.format("GET", string.format("/routes/%d/items", number))
    end
  end

  function request()
    position = position % routes + 1
    return requests[position]
  end
end

local function of_caller(number)
  if callers == "key" then
    wrk.headers["apikey"] = string.format("benchmark-key-%07d", number)
  else
    wrk.headers["X-Forwarded-For"] =
      string.format("10.%d.%d.200", math.floor(number / 256) % 256, number % 256)
  end
  return wrk.format()
end

if callers then
  local requests = {}
  local position = -1

  function request()
    position = (position + 1) % count
    requests[position] = requests[position] or of_caller(position)
    return requests[position]
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "bytes": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
