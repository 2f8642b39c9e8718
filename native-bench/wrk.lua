-- wrk script: what a browser behind a login sends, and a report as one line of JSON.
-- Usage: wrk -s wrk.lua URL -- plain|twelve|browser|post|close [TOKENS|-] [BODY]
-- The request is built once (no request() function), so that the load generator stays cheap. With the file TOKENS (a
-- token a line) there is one request a token, each built once, and they are sent in turn. With the file BODY every answer
-- must be 200 with exactly that body; those that are not are counted as `wrong` (dear: for runs that are not measured).

local browser = {
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  ["Accept-Language"] = "en-GB,en;q=0.7,de;q=0.3",
  ["Accept-Encoding"] = "gzip, deflate, br, zstd",
  ["Referer"] = "https://app.example.com/users?page=2",
  ["Cache-Control"] = "no-cache",
  ["Sec-Fetch-Dest"] = "empty",
  ["Sec-Fetch-Mode"] = "cors",
  ["Sec-Fetch-Site"] = "same-origin",
  ["Priority"] = "u=0",
  ["Upgrade-Insecure-Requests"] = "1",
  ["DNT"] = "1",
  ["Cookie"] = "theme=dark; consent=1; session=3f0b6a1c9d5e4b7f8a2d1c0e9b8a7f6e",
  -- As long as an RS256 token with a handful of claims.
  ["Authorization"] = "Bearer " .. string.rep("eyJhbGciOiJSUzI1NiIs", 35),
}

local function each_token(file)
  local requests, at = {}, 0
  for token in io.lines(file) do
    wrk.headers["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format()
  end
  request = function()
    at = at % #requests + 1
    return requests[at]
  end
end

local threads = {}
wrong = 0

function setup(thread)
  threads[#threads + 1] = thread
end

local function compare_with(file)
  local handle = assert(io.open(file, "rb"))
  local expected = handle:read("*a")
  handle:close()
  response = function(status, _, body)
    if status ~= 200 or body ~= expected then wrong = wrong + 1 end
  end
end

function init(args)
  wrk.headers["Host"] = "api.example.com"
  if args[1] ~= "plain" then
    for name, value in pairs(browser) do wrk.headers[name] = value end
  end
  if args[1] == "twelve" then
    for _, name in ipairs({ "Cookie", "Authorization", "DNT" }) do wrk.headers[name] = nil end
  end
  if args[1] == "post" then
    wrk.method = "POST"
    wrk.body = string.rep("0123456789abcdef", 1024)
  end
  if args[1] == "close" then wrk.headers["Connection"] = "close" end
  if args[2] and args[2] ~= "-" then each_token(args[2]) end
  if args[3] then compare_with(args[3]) end
end

function done(summary, latency)
  local failed = summary.errors
  local mistaken = 0
  for _, thread in ipairs(threads) do mistaken = mistaken + thread:get("wrong") end
  local line = '{"requests":%d,"seconds":%.6f,"bytes":%d,"wrong":%d,"p50":%.4f,"p99":%.4f,"p999":%.4f,"max":%.4f,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}'
  print(string.format(line, summary.requests, summary.duration / 1e6, summary.bytes, mistaken,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3, latency.max / 1e3,
    failed.connect, failed.read, failed.write, failed.status, failed.timeout))
end
