-- Makes wrk send pushes: wrk -s push.lua URL -- BODY_FILE CONTENT_TYPE TOKEN KEYED
-- With KEYED "yes" every push has an Idempotency-Key of its own. Prints its counts as one line of JSON.

function init(args)
  wrk.method = "POST"
  wrk.body = io.open(args[1], "rb"):read("*a")
  wrk.headers["Content-Type"] = args[2]
  if args[3] ~= "" then wrk.headers["Authorization"] = "Bearer " .. args[3] end
  if args[4] == "yes" then
    local prefix, number = string.format("%d-%s-", os.time(), tostring({}):match("0x(%x+)")), 0
    -- Only what is global makes wrk ask for every request anew.
    request = function()
      number = number + 1
      wrk.headers["Idempotency-Key"] = prefix .. number
      return wrk.format()
    end
  end
end

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    '{"answers":%d,"refused":%d,"broken":%d}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
