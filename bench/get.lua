request = function() return wrk.format("GET", "/kv/key" .. math.random(0, 9999)) end
