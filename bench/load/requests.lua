-- The requests of a file, one after the other: method, path, header and body between tabs.
-- Arguments: the file, where to begin (0 to 1), and milliseconds to wait before each request.
local requests, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local method, path, header, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = {}
    for name, value in header:gmatch("([^:\r]+): ([^\r]*)") do headers[name] = value end
    if body == "" then body = nil else headers["content-type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
  at = math.floor(#requests * tonumber(args[2]))
  local pause = tonumber(args[3])
  if pause > 0 then
    function delay() return pause end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"failed":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
