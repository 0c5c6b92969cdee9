-- Usage logging for NGINX: what each request sent, saved when it ends and posted in batches to a Metric Nexus hub.
--
--   init_worker_by_lua_block { require("metric_nexus").new():watch(ngx.shared.usage_logging) }
--   log_by_lua_block         { require("metric_nexus").save(ngx.shared.usage_logging, { customer = ngx.var.remote_user }) }
--
-- The shared dict is the queue. An event stays in it until the hub has answered for it, so a worker that dies while it
-- posts loses nothing: another one posts the same events again, and the hub knows them by their ids.
--
-- In the dict: "head" is the number of the oldest event that is kept, "tail" that of the newest, and each event stands
-- under its number. Whoever posts holds a lease, to spare the others the work; two at a time would do no harm.

local _M = {}

local floor, min, max = math.floor, math.min, math.max
local format, gsub, concat = string.format, string.gsub, table.concat

local COUNTERS = { "saved", "sent", "dropped_full", "dropped_refused", "gaps", "failures" }

-- A number that was taken so long ago without an event under it will never have one.
local GAP_SECONDS = 1

-- JSON ---------------------------------------------------------------------------------------------------------------

local function escape_byte(byte)
    return format("\\u%04x", byte:byte())
end

local function quote(text)
    local escaped = gsub(text, '[%c"\\\127]', escape_byte)
    -- What is not UTF-8 is read as Latin-1: JSON has nothing else.
    if escaped:find("[\128-\255]") then
        local _, _, err = ngx.re.find(escaped, "^", "u")
        if err then
            escaped = gsub(escaped, "[\128-\255]", escape_byte)
        end
    end
    return '"' .. escaped .. '"'
end

local function encode_value(value)
    local kind = type(value)
    if kind == "boolean" then
        return tostring(value)
    end
    if kind == "number" and value == value and value > -1e15 and value < 1e15 then
        return format(value == floor(value) and "%d" or "%.14g", value)
    end
    return quote(tostring(value))
end

local function encode(event)
    local fields = {}
    for name, value in pairs(event) do
        fields[#fields + 1] = quote(tostring(name)) .. ":" .. encode_value(value)
    end
    return "{" .. concat(fields, ",") .. "}"
end

-- Saving -------------------------------------------------------------------------------------------------------------

-- Makes the counters while there is room: what is counted later must not push an event out.
local function prepare(dict)
    for _, name in ipairs(COUNTERS) do
        dict:safe_add(name, 0)
    end
    for name, value in pairs({ head = 1, tail = 0, lease_until = 0, lease_owner = 0, sequence = 0, started = ngx.now() }) do
        dict:safe_add(name, value)
    end
end

local function count(dict, name, by)
    dict:incr(name, by or 1)
end

-- Completes what the caller says by what NGINX knows. A payload may say `bytes` for `bytes_out`, and `timestamp` for
-- `time`.
local function event_of(payload)
    local var = ngx.var
    local event = {
        id = var.request_id,
        source = "nginx-lua",
        time = ngx.now(),
        service = var.server_name,
        method = var.request_method,
        status = tonumber(var.status),
        bytes_in = tonumber(var.request_length),
        bytes_out = tonumber(var.bytes_sent),
        body_bytes = tonumber(var.body_bytes_sent),
        duration_seconds = tonumber(var.request_time),
    }
    for name, value in pairs(payload or {}) do
        event[name] = value
    end
    event.bytes_out, event.bytes = payload and payload.bytes or event.bytes_out, nil
    event.time, event.timestamp = payload and payload.timestamp or event.time, nil
    return event
end

-- Saves what a request was. For log_by_lua: it never waits, and counts what does not fit.
function _M.save(dict, payload)
    local number = dict:incr("tail", 1)
    local ok = number and dict:safe_set(tostring(number), encode(event_of(payload)))
    count(dict, ok and "saved" or "dropped_full")
    if ngx.worker.exiting() and _M.watcher then
        -- The worker's timers have run for the last time, but for those that are due at once.
        ngx.timer.at(0, _M.watcher)
    end
    return ok
end

-- The number of this request, in a stream that begins anew with NGINX. For set_by_lua: a log that has it shows what of it
-- is missing.
function _M.sequence(dict)
    return format("%.3f:%d", dict:get("started"), dict:incr("sequence", 1))
end

-- What was saved, sent and lost, and how many events wait.
function _M.stats(dict)
    local stats = { waiting = dict:get("tail") - dict:get("head") + 1, free_bytes = dict:free_space() }
    for _, name in ipairs(COUNTERS) do
        stats[name] = dict:get(name)
    end
    return stats
end

-- Posting ------------------------------------------------------------------------------------------------------------

-- Reads a response so far that the connection can be used again. Its status, body and whether it can, or nil and why not.
local function receive_response(socket)
    local line, err = socket:receive("*l")
    if not line then
        return nil, err
    end
    local status = tonumber(line:match("^HTTP/1%.%d (%d%d%d)"))
    if not status then
        return nil, "no HTTP response"
    end
    local length, is_kept = nil, true
    while true do
        line, err = socket:receive("*l")
        if not line then
            return nil, err
        elseif line == "" then
            break
        end
        local name, value = line:lower():match("^([^:]+):%s*(.-)%s*$")
        if name == "content-length" then
            length = tonumber(value)
        elseif name == "connection" and value == "close" then
            is_kept = false
        end
    end
    if not length or length > 65536 then
        return status, "", false
    end
    local body
    body, err = length == 0 and "" or socket:receive(length)
    if not body then
        return nil, err
    end
    return status, body, is_kept
end

local function connect(self)
    local socket = ngx.socket.tcp()
    socket:settimeouts(self.timeout * 1000, self.timeout * 1000, self.timeout * 1000)
    local ok, err = socket:connect(self.host, self.port)
    if not ok then
        return nil, "cannot connect: " .. err
    end
    if self.is_tls and socket:getreusedtimes() == 0 then
        -- True: against lua_ssl_trusted_certificate and the name.
        ok, err = socket:sslhandshake(nil, self.server_name, true)
        if not ok then
            socket:close()
            return nil, "TLS: " .. err
        end
    end
    return socket
end

-- Posts a body. The status and body of the response, or nil and why there is none.
local function post(self, body)
    local socket, err = connect(self)
    if not socket then
        return nil, err
    end
    local ok
    ok, err = socket:send({
        "POST /api/v1/usage/events HTTP/1.1\r\nHost: ", self.server_name,
        "\r\nAuthorization: Bearer ", self.key,
        "\r\nContent-Type: application/x-ndjson\r\nContent-Length: ", #body, "\r\n\r\n", body,
    })
    local status, answer, is_kept
    if ok then
        status, answer, is_kept = receive_response(socket)
        err = answer
    end
    if status and is_kept then
        socket:setkeepalive(10000, 1)
    else
        socket:close()
    end
    return status, err
end

-- Whether the hub has answered for good. A batch that it refuses is halved until the events that it refuses stand alone:
-- they would be refused for ever, and keep all others waiting.
local function deliver(self, events)
    if #events == 0 then
        return true
    end
    local status, answer = post(self, concat(events, "\n"))
    if status and status < 300 then
        count(self.dict, "sent", #events)
        return true
    end
    if status ~= 400 and status ~= 413 and status ~= 422 then
        count(self.dict, "failures")
        ngx.log(ngx.WARN, "usage events wait, the hub does not take them: ", status or "", " ", answer)
        return false
    end
    if #events == 1 then
        count(self.dict, "dropped_refused")
        ngx.log(ngx.ERR, "the hub refuses a usage event: ", answer:sub(1, 300), ": ", events[1]:sub(1, 1000))
        return true
    end
    local half = floor(#events / 2)
    return deliver(self, { unpack(events, 1, half) }) and deliver(self, { unpack(events, half + 1) })
end

-- The number up to which everything was saved or never will be.
local function settled(self)
    local now, tail = ngx.now(), self.dict:get("tail")
    local mark = self.mark
    if not mark then
        self.mark = { at = now, tail = tail, settled = 0 }
    elseif now - mark.at >= GAP_SECONDS then
        self.mark = { at = now, tail = tail, settled = mark.tail }
    end
    return self.mark.settled
end

-- The next events, and the number after them.
local function peek(self)
    local dict, events, gaps = self.dict, {}, 0
    local dead = settled(self)
    local number, tail = dict:get("head"), dict:get("tail")
    while number <= tail and #events < self.batch do
        local event = dict:get(tostring(number))
        if event then
            events[#events + 1] = event
        elseif number > dead then
            break
        else
            gaps = gaps + 1
        end
        number = number + 1
    end
    return events, number, gaps
end

local function remove(dict, next)
    local head = dict:get("head")
    for number = head, next - 1 do
        dict:delete(tostring(number))
    end
    -- Never back: another worker may have gone on.
    if next > dict:get("head") then
        dict:set("head", next)
    end
end

-- For as long as a step of a post may take: then the others repeat what a worker that died was posting.
local function take_lease(self)
    local dict = self.dict
    local own, now = ngx.worker.pid(), ngx.now()
    if dict:get("lease_owner") ~= own and dict:get("lease_until") > now then
        return false
    end
    dict:set("lease_owner", own)
    dict:set("lease_until", now + self.timeout)
    return true
end

-- Posts all that waits. Whether it could.
local function drain(self)
    while take_lease(self) do
        local events, next, gaps = peek(self)
        if next == self.dict:get("head") then
            self.dict:set("lease_until", 0)
            return true
        end
        if not deliver(self, events) then
            self.dict:set("lease_until", 0)
            return false
        end
        remove(self.dict, next)
        count(self.dict, "gaps", gaps)
    end
    return true
end

local function waiting(dict)
    return dict:get("tail") - dict:get("head") + 1
end

-- At the end of the worker: posts what it can within the time for it. The dict outlives a reload, not NGINX.
local function drain_at_exit(self)
    if self.is_exiting then
        return
    end
    self.is_exiting = true
    local give_up = ngx.now() + self.exit
    while waiting(self.dict) > 0 and ngx.now() < give_up do
        drain(self)
        if waiting(self.dict) > 0 then
            ngx.sleep(0.1)
        end
    end
    self.is_exiting = false
    local left = waiting(self.dict)
    if left > 0 then
        ngx.log(ngx.ERR, left, " usage events wait at the end of a worker: lost, if NGINX ends too")
    end
end

-- Watching -----------------------------------------------------------------------------------------------------------

local function setting(options, name, default)
    local value = options[name] or os.getenv("METRIC_NEXUS_" .. name:upper())
    return value or default or error("metric_nexus: tell METRIC_NEXUS_" .. name:upper() .. ", or new{ " .. name .. " = … }")
end

-- Settings, each also as METRIC_NEXUS_… in the environment (with `env METRIC_NEXUS_…;` in nginx.conf):
--   hub          https://host:port; a name needs NGINX's `resolver`
--   key          the API key
--   server_name  the name in the hub's certificate; default: the host
--   batch        how many events go together; default 2000
--   interval     how many seconds lie between two looks at the queue; default 1
--   retry        how many seconds lie between two attempts at most while the hub does not answer; default 20
--   timeout      how many seconds a step of a post may take, and the others wait for a worker that died; default 10
--   exit         how many seconds a worker that ends goes on posting; default 10
-- The authority that the hub's certificate must be from is NGINX's `lua_ssl_trusted_certificate`.
function _M.new(options)
    options = options or {}
    local hub = setting(options, "hub")
    local scheme, host, port = hub:match("^(https?)://([^/:]+):?(%d*)/?$")
    if not scheme then
        error("metric_nexus: the hub is given as https://host:port, not as " .. hub)
    end
    local number = function(name, default)
        return tonumber(setting(options, name, default)) or error("metric_nexus: " .. name .. " must be a number")
    end
    local self = {
        is_tls = scheme == "https",
        host = host,
        port = tonumber(port) or (scheme == "https" and 443 or 80),
        key = setting(options, "key"),
        server_name = setting(options, "server_name", host),
        batch = max(1, min(5000, number("batch", 2000))),
        interval = number("interval", 1),
        retry = number("retry", 20),
        timeout = number("timeout", 10),
        exit = number("exit", 10),
    }
    return setmetatable(self, { __index = _M })
end

-- Watches the queue for as long as the worker lives. For init_worker_by_lua.
function _M:watch(dict)
    self.dict = dict
    prepare(dict)
    local delay = self.interval
    local check
    local function check_later()
        -- By chance a little earlier or later, so that the workers do not come together.
        local timer, err = ngx.timer.at(delay * (0.5 + math.random()), check)
        if not timer then
            ngx.log(ngx.ERR, "usage logging ends: ", err)
        end
    end
    check = function(premature)
        if premature or ngx.worker.exiting() then
            return drain_at_exit(self)
        end
        local ok, done = pcall(drain, self)
        if not ok then
            ngx.log(ngx.ERR, "usage logging: ", done)
        end
        delay = (ok and done) and self.interval or min(delay * 2, self.retry)
        if ngx.worker.exiting() then
            return drain_at_exit(self)
        end
        check_later()
    end
    _M.watcher = check
    check_later()
end

return _M
