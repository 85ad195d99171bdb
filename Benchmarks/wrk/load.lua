-- Shapes the load by environment variables and prints what was completed as one line of JSON.
--   BENCH_BODY     bytes: POST with a body of that size
--   BENCH_CLOSE    set: asks for the end of the connection with every request
--   BENCH_ROUTES   count: GET /routes/1/items, /routes/2/items, …, each in turn
--   BENCH_HEADERS  lines `name: value`, sent with every request

local body = tonumber(os.getenv("BENCH_BODY") or "")
local routes = tonumber(os.getenv("BENCH_ROUTES") or "")

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

-- `request` is defined for routes only: without it wrk sends a fixed request, which is cheaper.
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

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "bytes": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
