wrk.headers["Content-Type"] = "text/plain"
local body = string.rep("x", 128)
request = function() return wrk.format("PUT", "/kv/key" .. math.random(0, 9999), nil, body) end
