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

-- `request` is defined where it must be: without it wrk sends a fixed request, which is cheaper. All are composed
-- before the first is sent, and as many for few routes or callers as for many: what they cost the generator, which
-- decides how many of them the proxy finds at once, is the same.
local function take_turns(requests)
  local position = 0

  function request()
    position = position % #requests + 1
    return requests[position]
  end
end

if routes then
  function init()
    local requests = {}
    for number = 0, 9999 do
      local path = string.format("/routes/%d/items", number % routes + 1)
      requests[number + 1] = wrk.format("GET", path)
    end
    take_turns(requests)
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
  function init()
    local requests = {}
    for number = 0, 99999 do
      requests[number + 1] = of_caller(number % count)
    end
    take_turns(requests)
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "bytes": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
