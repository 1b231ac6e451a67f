-- The application's statements for sysbench: sysbench --op=insert|get|list|update --rows=N cases.lua run
-- With --db-ps-mode=disable the statements are sent as text that is built here.

sysbench.cmdline.options = {
   op = {"insert, get, list or update", "get"},
   rows = {"rows that were loaded", 100000},
}

local PER_OWNER = 100
local T = sysbench.sql.type
local first = {"Ann", "Bob", "Carlos", "Deirdre", "Emil", "Françoise", "Grace", "Hiro", "Ivana", "José"}
local last = {"Smith", "Johnson", "O'Neil", "García", "Müller", "Nguyen", "Okafor", "Petrov", "Rossi", "Van der Berg"}
local insurer = {"Aetna", "Blue Cross Blue Shield", "Cigna", "UnitedHealthcare", "Kaiser Permanente"}
local COLUMNS = "case_id, user_id, case_date, patient_first, patient_last, patient_dob, ins_provider, case_status, pay_amount"

local function pick(list) return list[sysbench.rand.uniform(1, #list)] end
local function caseId() return string.format("c%07d", sysbench.rand.uniform(0, sysbench.opt.rows - 1)) end
local function owner() return "u" .. sysbench.rand.uniform(0, sysbench.opt.rows / PER_OWNER - 1) end
local function date(century) return string.format("%d%02d-%02d-%02d", century, sysbench.rand.uniform(10, 24), sysbench.rand.uniform(1, 12), sysbench.rand.uniform(1, 28)) end

-- Every operation: statement, parameters, rows of its answer (nil: none).
local counter = 0
local ops = {
   insert = {
      "INSERT INTO cases (" .. COLUMNS .. ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", 9,
      function()
         counter = counter + 1
         -- Ids beyond the loaded ones, different in every run, thread and event.
         return {"n" .. salt .. "_" .. counter, owner(), date(20), pick(first), pick(last), date(19), pick(insurer), "1", "12.50"}
      end,
   },
   get = {"SELECT " .. COLUMNS .. " FROM cases WHERE case_id = ?", 1, function() return {caseId()} end, 1},
   -- Inserts of earlier runs must not make the list longer.
   list = {"SELECT " .. COLUMNS .. " FROM cases WHERE user_id = ? AND case_id < 'd' LIMIT " .. PER_OWNER, 1, function() return {owner()} end, PER_OWNER},
   update = {"UPDATE cases SET ins_provider = ? WHERE case_id = ?", 2, function() return {pick(insurer), caseId()} end},
}

function thread_init()
   op = ops[sysbench.opt.op]
   text = sysbench.opt.db_ps_mode == "disable"
   connection = sysbench.sql.driver():connect()
   salt = string.format("%d_%d_%d", os.time(), sysbench.tid, sysbench.rand.uniform(0, 999999))
   if not text then
      statement = connection:prepare(op[1])
      parameters = {}
      for i = 1, op[2] do parameters[i] = statement:bind_create(T.VARCHAR, 100) end
      statement:bind_param(unpack(parameters))
   end
end

function thread_done()
   if statement then statement:close() end
   connection:disconnect()
end

local function quote(value) return "'" .. value:gsub("['\\]", "\\%0") .. "'" end

local function check(answer)
   if op[4] and answer.nrows ~= op[4] then error(sysbench.opt.op .. ": " .. tonumber(answer.nrows) .. " rows") end
   answer:free()
end

function event()
   local values = op[3]()
   if text then
      local i = 0
      local sql = op[1]:gsub("%?", function() i = i + 1; return quote(values[i]) end)
      local answer = connection:query(sql)
      if op[4] then check(answer) end
      return
   end
   for i, value in ipairs(values) do parameters[i]:set(value) end
   local answer = statement:execute()
   if op[4] then answer:free() end
end
