-- The requests of one load. Arguments: dialect operation keys bytes prefix writes salt [etag ...]
-- `writes` is the share of writes in "mixed", in percent; `salt` is where new keys and "fill" begin.

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Of texts whose length is a multiple of three.
local function base64(text)
  return (text:gsub("...", function(three)
    local a, b, c = three:byte(1, 3)
    local n = a * 65536 + b * 256 + c
    local out = ""
    for shift = 3, 0, -1 do
      local digit = math.floor(n / 64 ^ shift) % 64
      out = out .. alphabet:sub(digit + 1, digit + 1)
    end
    return out
  end))
end

local marker
-- A request that is complete but for the key, which stands where the marker is.
local function around(method, path, headers, body)
  for name, value in pairs({ Host = wrk.headers["Host"] }) do headers[name] = value end
  local text = wrk.format(method, path, headers, body)
  local first, last = text:find(marker, 1, true)
  return { text:sub(1, first - 1), text:sub(last + 1) }
end

-- How each server is asked for a key (get) and given one (put).
local dialects = {
  kv = function(value)
    return around("GET", "/kv/" .. marker, {}),
      around("PUT", "/kv/" .. marker, { ["Content-Type"] = "text/plain" }, value)
  end,
  webdis = function(value)
    return around("GET", "/GET/" .. marker .. ".txt", {}), around("PUT", "/SET/" .. marker, {}, value)
  end,
  etcd = function(value)
    local put = '{"key":"' .. marker .. '","value":"' .. base64(value .. string.rep("x", -#value % 3)) .. '"}'
    return around("POST", "/v3/kv/range", {}, '{"key":"' .. marker .. '"}'), around("POST", "/v3/kv/put", {}, put)
  end,
  unstorage = function(value)
    local type = "application/octet-stream"
    return around("GET", "/" .. marker, { Accept = type }), around("PUT", "/" .. marker, { ["Content-Type"] = type }, value)
  end,
  pouchdb = function(value)
    local json = { ["Content-Type"] = "application/json" }
    return around("GET", "/kv/" .. marker, {}), around("PUT", "/kv/" .. marker, json, '{"v":"' .. value .. '"}')
  end,
}

local function batches(operation, key, keys, value)
  local bodies = {}
  for number = 1, 64 do
    local items = {}
    for index = 1, 100 do
      local op = '{"op":"' .. operation .. '","key":"' .. key(math.random(0, keys - 1)) .. '"'
      if operation == "put" then op = op .. ',"type":"text/plain","encoding":"utf8","value":"' .. value .. '"' end
      items[index] = op .. "}"
    end
    local headers = { Host = wrk.headers["Host"], ["Content-Type"] = "application/json" }
    bodies[number] = wrk.format("POST", "/batch", headers, "[" .. table.concat(items, ",") .. "]")
  end
  return function() return bodies[math.random(1, 64)] end
end

function init(args)
  local dialect, operation, prefix = args[1], args[2], args[5]
  local keys, bytes, writes, salt = tonumber(args[3]), tonumber(args[4]), tonumber(args[6]), tonumber(args[7])
  math.randomseed(os.time() + salt)
  local value = string.rep("x", bytes)
  local function key(number) return prefix .. string.format("%09d", number) end
  local encode = dialect == "etcd" and base64 or function(text) return text end
  marker = encode(key(0)):gsub(".", "#")
  local get, put = dialects[dialect](value)
  local tagged = {}
  local function with(parts, number) return parts[1] .. encode(key(number)) .. parts[2] end
  local function any() return math.random(0, keys - 1) end
  local next = salt
  local function following()
    next = next + 1
    return next - 1
  end
  for index = 8, #args do
    tagged[index - 8] = around("GET", "/kv/" .. marker, { ["If-None-Match"] = args[index] })
  end

  local operations = {
    get = function() return with(get, any()) end,
    miss = function() return with(get, 500000000 + any()) end,
    conditional = function()
      local number = math.random(0, #tagged)
      return with(tagged[number], number)
    end,
    put = function() return with(put, any()) end,
    create = function() return with(put, following()) end,
    fill = function() return with(put, following() % keys) end,
    mixed = function() return with(math.random(1, 100) <= writes and put or get, any()) end,
    list = function() return wrk.format("GET", "/kv?limit=100&start=" .. key(any())) end,
  }
  -- Where a replacement has to name the revision, a PUT is of a new key.
  if dialect == "pouchdb" and operation == "put" then operation = "create" end
  local batch = operation:match("^batch_(.*)")
  request = batch and batches(batch, key, keys, value) or operations[operation]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%.0f,"microseconds":%.0f,"p50":%.0f,"p99":%.0f,"refused":%.0f,"broken":%.0f}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
