-- Palaver for Wireshark: frames on a stream (chapters 3 and 4) and the kinds of datagram packets (chapter 13).
-- Put this file into the folder of personal Lua plugins, or: tshark -X lua_script:palaver.lua -r FILE
-- Other ports than the usual one: "Decode As...", or tshark -d tcp.port==PORT,palaver

-- Generated from spec/registry: edit that.
local PORT = 7667
local FRAME_BYTES = 65536
local NESTING = 8
local ITEMS = 1024
local LARGEST = { u8 = 255, u16 = 65535, u32 = 4294967295, u53 = 9007199254740991 }
local VALUES_ROLES = { [0] = "member", [1] = "operator", [2] = "relay_operator" }
local VALUES_CONVERSATION_KINDS = { [0] = "room", [1] = "direct" }
local VALUES_JOIN_OPTIONS = { [1] = "members", [2] = "existing" }
local VALUES_CONTENT_KINDS = { [0] = "text", [1] = "action", [2] = "part", [3] = "bytes", [4] = "sealed" }
local VALUES_SIGNAL_KINDS = { [1] = "typing", [2] = "read" }
local VALUES_EVENTS = { [1] = "joined", [2] = "left", [3] = "kicked", [4] = "banned", [5] = "unbanned", [6] = "topic", [7] = "role", [8] = "limit", [9] = "lock" }
local VALUES_DURABILITIES = { [0] = "memory", [1] = "disk" }
local VALUES_GAP_REASONS = { [1] = "retention", [2] = "corrupt", [3] = "skipped" }
local VALUES_ERRORS = { [256] = "goodbye", [257] = "bad_frame", [258] = "frame_too_large", [259] = "unknown_frame", [260] = "out_of_turn", [261] = "unsupported_version", [262] = "bad_signature", [263] = "name_taken", [264] = "bad_name", [265] = "not_admitted", [266] = "banned", [267] = "relay_full", [268] = "handshake_timeout", [269] = "idle_timeout", [270] = "replaced", [271] = "kicked", [272] = "slow_consumer", [273] = "going_away", [274] = "too_many_links", [275] = "internal", [276] = "cannot_resume", [277] = "session_revoked", [278] = "storage_failed", [279] = "rate_exceeded", [513] = "no_such_room", [514] = "not_a_member", [515] = "room_full", [516] = "room_banned", [517] = "room_locked", [518] = "not_permitted", [519] = "no_such_name", [521] = "too_many_conversations", [522] = "already_member", [523] = "bad_room_name", [524] = "mailbox_full", [525] = "storage_full", [526] = "no_such_conversation", [527] = "no_keys", [769] = "ref_gap", [770] = "ref_repeated", [771] = "body_too_large", [772] = "bad_value", [773] = "rate_limited" }
local TYPE_NAMES = { [1] = "hello", [2] = "challenge", [3] = "auth", [4] = "ready", [5] = "error", [6] = "close", [7] = "ping", [8] = "pong", [9] = "ok", [10] = "resume", [16] = "join", [17] = "joined", [18] = "leave", [19] = "who", [20] = "members", [21] = "list", [22] = "rooms", [23] = "whois", [24] = "identity", [25] = "direct", [26] = "follow", [27] = "fetch", [28] = "history", [29] = "cursor", [32] = "send", [33] = "message", [34] = "event", [35] = "gap", [36] = "ack", [37] = "senders", [38] = "signal", [39] = "signalled", [40] = "setTopic", [41] = "kick", [42] = "ban", [43] = "unban", [44] = "setRole", [45] = "setLimit", [46] = "lock", [47] = "announce", [48] = "notice", [49] = "publish", [50] = "stock", [51] = "claim", [52] = "bundle" }
local PACKETS = { [64] = "data", [192] = "initial", [193] = "retry", [194] = "accept", [195] = "refuse", [196] = "reset" }
local RANGES = {
  { from = 0, to = 0, unknown = "fault" },
  { from = 1, to = 63, unknown = "close" },
  { from = 64, to = 95, unknown = "ignore" },
  { from = 96, to = 111, unknown = "ignore" },
  { from = 112, to = 127, unknown = "ignore" },
}
local RECORDS = {
  limit = {
    { name = "id", type = "u16", min = 0 },
    { name = "value", type = "u53", min = 0 },
  },
  member = {
    { name = "alias", type = "u32", min = 1 },
    { name = "name", type = "str", min = 0, max = 128 },
    { name = "key", type = "bin", min = 32, max = 32 },
    { name = "role", type = "u8", min = 0, values = VALUES_ROLES },
  },
  prekey = {
    { name = "number", type = "u32", min = 0 },
    { name = "key", type = "bin", min = 32, max = 32 },
  },
  room = {
    { name = "name", type = "str", min = 0, max = 256 },
    { name = "count", type = "u32", min = 0 },
    { name = "limit", type = "u32", min = 0 },
    { name = "topic", type = "str", min = 0, max = 512 },
  },
}
local FRAMES = {
  [1] = { name = "hello", fields = {
    { name = "versions", type = "list", of = "u16", min = 1, max = 8 },
    { name = "capabilities", type = "list", of = "u16", min = 0, max = 64 },
    { name = "nonce", type = "bin", min = 32, max = 32 },
    { name = "agent", type = "str", min = 0, max = 64 },
  } },
  [2] = { name = "challenge", fields = {
    { name = "version", type = "u16", min = 1 },
    { name = "capabilities", type = "list", of = "u16", min = 0, max = 64 },
    { name = "relayKey", type = "bin", min = 32, max = 32 },
    { name = "nonce", type = "bin", min = 32, max = 32 },
    { name = "address", type = "str", min = 0, max = 64 },
    { name = "relayName", type = "str", min = 0, max = 64 },
  } },
  [3] = { name = "auth", fields = {
    { name = "name", type = "str", min = 1, max = 128 },
    { name = "key", type = "bin", min = 32, max = 32 },
    { name = "clientId", type = "bin", min = 8, max = 8 },
    { name = "token", type = "str", min = 0, max = 256 },
    { name = "signature", type = "bin", min = 64, max = 64 },
  } },
  [4] = { name = "ready", fields = {
    { name = "session", type = "bin", min = 16, max = 16 },
    { name = "name", type = "str", min = 1, max = 128 },
    { name = "role", type = "u8", min = 0, values = VALUES_ROLES },
    { name = "time", type = "u53", min = 0 },
    { name = "limits", type = "list", of = "limit", min = 0, max = 64 },
    { name = "signature", type = "bin", min = 64, max = 64 },
    { name = "token", type = "bin", min = 32, max = 32 },
  } },
  [5] = { name = "error", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "code", type = "u16", min = 0, values = VALUES_ERRORS },
    { name = "conversation", type = "u32", min = 0 },
    { name = "ref", type = "u53", min = 0 },
    { name = "text", type = "str", min = 0, max = 512 },
  } },
  [6] = { name = "close", fields = {
    { name = "code", type = "u16", min = 0, values = VALUES_ERRORS },
    { name = "text", type = "str", min = 0, max = 512 },
    { name = "retryMs", type = "u32", min = 0 },
  } },
  [7] = { name = "ping", fields = {
    { name = "nonce", type = "u53", min = 0 },
    { name = "conversation", type = "u32", min = 0 },
  } },
  [8] = { name = "pong", fields = {
    { name = "nonce", type = "u53", min = 0 },
    { name = "conversation", type = "u32", min = 0 },
  } },
  [9] = { name = "ok", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "conversation", type = "u32", min = 0 },
  } },
  [10] = { name = "resume", fields = {
    { name = "session", type = "bin", min = 16, max = 16 },
    { name = "token", type = "bin", min = 32, max = 32 },
    { name = "signature", type = "bin", min = 64, max = 64 },
  } },
  [16] = { name = "join", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "room", type = "str", min = 1, max = 256 },
    { name = "options", type = "u8", min = 0, values = VALUES_JOIN_OPTIONS },
  } },
  [17] = { name = "joined", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "kind", type = "u8", min = 0, values = VALUES_CONVERSATION_KINDS },
    { name = "name", type = "str", min = 0, max = 256 },
    { name = "alias", type = "u32", min = 1 },
    { name = "role", type = "u8", min = 0, values = VALUES_ROLES },
    { name = "seq", type = "u53", min = 0 },
    { name = "ref", type = "u53", min = 0 },
    { name = "count", type = "u32", min = 0 },
    { name = "limit", type = "u32", min = 0 },
    { name = "locked", type = "bool", min = 0 },
    { name = "topic", type = "str", min = 0, max = 512 },
    { name = "peers", type = "list", of = "member", min = 0, max = 2 },
    { name = "head", type = "u53", min = 0 },
    { name = "first", type = "u53", min = 0 },
    { name = "log", type = "bin", min = 8, max = 8 },
    { name = "durability", type = "u8", min = 0, values = VALUES_DURABILITIES },
    { name = "keepMs", type = "u53", min = 0 },
    { name = "keepBytes", type = "u53", min = 0 },
  } },
  [18] = { name = "leave", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
  } },
  [19] = { name = "who", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 0 },
    { name = "after", type = "u32", min = 0 },
  } },
  [20] = { name = "members", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "conversation", type = "u32", min = 0 },
    { name = "members", type = "list", of = "member", min = 0, max = 128 },
    { name = "more", type = "bool", min = 0 },
  } },
  [21] = { name = "list", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "after", type = "str", min = 0, max = 256 },
  } },
  [22] = { name = "rooms", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "rooms", type = "list", of = "room", min = 0, max = 64 },
    { name = "more", type = "bool", min = 0 },
  } },
  [23] = { name = "whois", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "name", type = "str", min = 1, max = 128 },
  } },
  [24] = { name = "identity", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "name", type = "str", min = 1, max = 128 },
    { name = "key", type = "bin", min = 32, max = 32 },
    { name = "online", type = "bool", min = 0 },
    { name = "role", type = "u8", min = 0, values = VALUES_ROLES },
  } },
  [25] = { name = "direct", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "name", type = "str", min = 1, max = 128 },
  } },
  [26] = { name = "follow", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "log", type = "bin", min = 8, max = 8 },
    { name = "seq", type = "u53", min = 0 },
  } },
  [27] = { name = "fetch", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "from", type = "u53", min = 1 },
    { name = "count", type = "u16", min = 1 },
  } },
  [28] = { name = "history", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "senders", type = "list", of = "member", min = 0, max = 128 },
    { name = "entries", type = "bin", min = 0, max = 63488 },
    { name = "more", type = "bool", min = 0 },
  } },
  [29] = { name = "cursor", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "seq", type = "u53", min = 0 },
  } },
  [32] = { name = "send", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "ref", type = "u53", min = 1 },
    { name = "kind", type = "u8", min = 0, values = VALUES_CONTENT_KINDS },
    { name = "body", type = "bin", min = 0, max = 61440 },
  } },
  [33] = { name = "message", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "seq", type = "u53", min = 1 },
    { name = "time", type = "u53", min = 0 },
    { name = "sender", type = "u32", min = 1 },
    { name = "ref", type = "u53", min = 1 },
    { name = "kind", type = "u8", min = 0, values = VALUES_CONTENT_KINDS },
    { name = "body", type = "bin", min = 0, max = 61440 },
  } },
  [34] = { name = "event", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "seq", type = "u53", min = 1 },
    { name = "time", type = "u53", min = 0 },
    { name = "kind", type = "u8", min = 0, values = VALUES_EVENTS },
    { name = "actor", type = "u32", min = 0 },
    { name = "subject", type = "u32", min = 0 },
    { name = "name", type = "str", min = 0, max = 128 },
    { name = "key", type = "bin", min = 0, max = 32 },
    { name = "value", type = "u53", min = 0 },
    { name = "text", type = "str", min = 0, max = 512 },
  } },
  [35] = { name = "gap", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "from", type = "u53", min = 1 },
    { name = "to", type = "u53", min = 1 },
    { name = "reason", type = "u8", min = 0, values = VALUES_GAP_REASONS },
  } },
  [36] = { name = "ack", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "ref", type = "u53", min = 1 },
    { name = "seq", type = "u53", min = 0 },
  } },
  [37] = { name = "senders", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "senders", type = "list", of = "member", min = 0, max = 128 },
  } },
  [38] = { name = "signal", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "kind", type = "u8", min = 0, values = VALUES_SIGNAL_KINDS },
    { name = "value", type = "u53", min = 0 },
    { name = "body", type = "bin", min = 0, max = 64 },
  } },
  [39] = { name = "signalled", fields = {
    { name = "conversation", type = "u32", min = 1 },
    { name = "sender", type = "u32", min = 1 },
    { name = "kind", type = "u8", min = 0, values = VALUES_SIGNAL_KINDS },
    { name = "value", type = "u53", min = 0 },
    { name = "body", type = "bin", min = 0, max = 64 },
  } },
  [40] = { name = "setTopic", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "topic", type = "str", min = 0, max = 512 },
  } },
  [41] = { name = "kick", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 0 },
    { name = "name", type = "str", min = 1, max = 128 },
    { name = "reason", type = "str", min = 0, max = 512 },
  } },
  [42] = { name = "ban", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 0 },
    { name = "name", type = "str", min = 1, max = 128 },
    { name = "seconds", type = "u32", min = 0 },
    { name = "reason", type = "str", min = 0, max = 512 },
  } },
  [43] = { name = "unban", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 0 },
    { name = "name", type = "str", min = 1, max = 128 },
  } },
  [44] = { name = "setRole", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "name", type = "str", min = 1, max = 128 },
    { name = "role", type = "u8", min = 0, values = VALUES_ROLES },
  } },
  [45] = { name = "setLimit", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 0 },
    { name = "limit", type = "u32", min = 1 },
  } },
  [46] = { name = "lock", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "conversation", type = "u32", min = 1 },
    { name = "locked", type = "bool", min = 0 },
  } },
  [47] = { name = "announce", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "text", type = "str", min = 1, max = 4096 },
  } },
  [48] = { name = "notice", fields = {
    { name = "time", type = "u53", min = 0 },
    { name = "from", type = "str", min = 0, max = 128 },
    { name = "text", type = "str", min = 0, max = 4096 },
  } },
  [49] = { name = "publish", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "replaces", type = "bool", min = 0 },
    { name = "bundle", type = "bin", min = 0, max = 1024 },
    { name = "prekeys", type = "list", of = "prekey", min = 0, max = 100 },
  } },
  [50] = { name = "stock", fields = {
    { name = "request", type = "u32", min = 0 },
    { name = "count", type = "u32", min = 0 },
  } },
  [51] = { name = "claim", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "key", type = "bin", min = 32, max = 32 },
  } },
  [52] = { name = "bundle", fields = {
    { name = "request", type = "u32", min = 1 },
    { name = "bundle", type = "bin", min = 0, max = 1024 },
    { name = "prekeys", type = "list", of = "prekey", min = 0, max = 1 },
  } },
}

local BAD = "bad_frame"
local proto = Proto("palaver", "Palaver")
local fields = {
  length = ProtoField.uint32("palaver.length", "length", base.DEC),
  type = ProtoField.uint8("palaver.type", "type", base.DEC, TYPE_NAMES),
  not_a_type = ProtoField.bytes("palaver.not_a_type", "not a type"),
  -- A value that no field of a known frame describes, whatever it is.
  value = ProtoField.bytes("palaver.value", "value"),
  -- The error code that a receiver answers with.
  fault = ProtoField.string("palaver.fault", "fault"),
}
local fault_info = ProtoExpert.new("palaver.fault.expert", "not allowed", expert.group.MALFORMED, expert.severity.ERROR)
proto.experts = { fault_info }

-- Makes the fields of a frame or a record: `palaver.<owner>.<field>`, elements of lists with `.item`.
local function define(owner, list)
  for _, field in ipairs(list) do
    local abbrev = "palaver." .. owner .. "." .. field.name
    local element = field.of or field.type
    local name = field.name
    if field.of then
      field.node = ProtoField.none(abbrev, field.name)
      fields[#fields + 1] = field.node
      abbrev, name = abbrev .. ".item", "item"
    end
    local made
    if RECORDS[element] then
      made = ProtoField.none(abbrev, name)
    elseif element == "str" then
      made = ProtoField.string(abbrev, name)
    elseif element == "bin" then
      made = ProtoField.bytes(abbrev, name)
    elseif element == "bool" then
      made = ProtoField.bool(abbrev, name)
    else
      made = ProtoField.uint64(abbrev, name, base.DEC, field.values)
    end
    field.field = made
    fields[#fields + 1] = made
  end
end

for name, record in pairs(RECORDS) do define(name, record) end
for _, frame in pairs(FRAMES) do define(frame.name, frame.fields) end
proto.fields = fields

-- ---- MessagePack ------------------------------------------------------------------------------------------

local function valid_utf8(text)
  local at, size = 1, #text
  while at <= size do
    local first = text:byte(at)
    local more, least
    if first < 0x80 then more, least = 0, 0
    elseif first >= 0xc2 and first <= 0xdf then more, least = 1, 0x80
    elseif first >= 0xe0 and first <= 0xef then more, least = 2, 0x800
    elseif first >= 0xf0 and first <= 0xf4 then more, least = 3, 0x10000
    else return false end
    local point = first % (more == 0 and 0x80 or more == 1 and 0x20 or more == 2 and 0x10 or 0x08)
    if at + more > size then return false end
    for i = at + 1, at + more do
      local byte = text:byte(i)
      if byte < 0x80 or byte > 0xbf then return false end
      point = point * 64 + byte - 0x80
    end
    if point < least or point > 0x10ffff or (point >= 0xd800 and point <= 0xdfff) then return false end
    at = at + more + 1
  end
  return true
end

local SIZED = {
  [0xc4] = { 1, "bin" }, [0xc5] = { 2, "bin" }, [0xc6] = { 4, "bin" },
  [0xd9] = { 1, "str" }, [0xda] = { 2, "str" }, [0xdb] = { 4, "str" },
  [0xdc] = { 2, "list" }, [0xdd] = { 4, "list" },
}

-- Reads the value at `at` of `tvb`, which ends at `reader.stop`. Gives a node, and whether it is whole and sound.
local read

local function read_list(reader, node, count)
  node.kind, node.items = "list", {}
  node.size = reader.at - node.at
  if node.depth > NESTING or count > ITEMS - reader.items then return nil, false end
  for _ = 1, count do
    local item, whole = read(reader, node.depth + 1)
    if item then
      node.items[#node.items + 1] = item
      node.size = item.at + item.size - node.at
    end
    if not whole then return node, false end
  end
  return node, true
end

local function read_sized(reader, node, kind, size)
  node.kind = kind
  if reader.at + size > reader.stop then return nil, false end
  node.data_at, node.data_size = reader.at, size
  reader.at = reader.at + size
  node.size = reader.at - node.at
  if kind == "str" and size > 0 and not valid_utf8(reader.tvb:raw(node.data_at, size)) then return nil, false end
  return node, true
end

local function whole_number(reader, size, signed)
  local range = reader.tvb:range(reader.at, size)
  if size <= 4 then
    if signed then return range:int() end
    return range:uint()
  end
  local high, low = range:range(0, 4):uint(), range:range(4, 4):uint()
  if signed and high >= 0x80000000 then return -1 end
  return high * 0x100000000 + low
end

local function read_number(reader, node, first)
  local size = 2 ^ ((first - 0xcc) % 4)
  if reader.at + size > reader.stop then return nil, false end
  node.kind, node.number = "int", whole_number(reader, size, first >= 0xd0)
  reader.at = reader.at + size
  node.size = reader.at - node.at
  return node, true
end

local function read_float(reader, node, size)
  if reader.at + size > reader.stop then return nil, false end
  local bits = reader.tvb:range(reader.at, 2):uint()
  local ones = size == 4 and 0x7f80 or 0x7ff0
  reader.at = reader.at + size
  node.kind, node.size = "float", reader.at - node.at
  if bit32.band(bits, ones) == ones then return nil, false end
  return node, true
end

read = function(reader, depth)
  reader.items = reader.items + 1
  if reader.items > ITEMS or reader.at >= reader.stop then return nil, false end
  local node = { at = reader.at, depth = depth, size = 1 }
  local first = reader.tvb:range(reader.at, 1):uint()
  reader.at = reader.at + 1
  if first <= 0x7f then node.kind, node.number = "int", first
  elseif first >= 0xe0 then node.kind, node.number = "int", first - 256
  elseif first >= 0xa0 and first <= 0xbf then return read_sized(reader, node, "str", first - 0xa0)
  elseif first >= 0x90 and first <= 0x9f then return read_list(reader, node, first - 0x90)
  elseif first == 0xc0 then node.kind = "nil"
  elseif first == 0xc2 or first == 0xc3 then node.kind, node.bool = "bool", first == 0xc3
  elseif first >= 0xcc and first <= 0xd3 then return read_number(reader, node, first)
  elseif first == 0xca then return read_float(reader, node, 4)
  elseif first == 0xcb then return read_float(reader, node, 8)
  elseif SIZED[first] then
    local width, kind = SIZED[first][1], SIZED[first][2]
    if reader.at + width > reader.stop then return nil, false end
    local size = whole_number(reader, width, false)
    reader.at = reader.at + width
    if kind == "list" then return read_list(reader, node, size) end
    return read_sized(reader, node, kind, size)
  else return nil, false end
  return node, true
end

-- ---- Fields -----------------------------------------------------------------------------------------------

local KINDS = { u8 = "int", u16 = "int", u32 = "int", u53 = "int", list = "list" }

local show_record

-- Shows one value as the field says; gives whether it is what the field allows.
local function show(tree, reader, field, element, node)
  local range = reader.tvb:range(node.at, node.size)
  local kind = RECORDS[element] and "list" or KINDS[element] or element
  if node.kind ~= kind or (kind == "int" and (node.number < 0 or node.number > LARGEST[element])) then
    tree:add(fields.value, range):prepend_text(field.name .. " ")
    return false
  end
  if RECORDS[element] then
    return show_record(tree:add(field.field, range), reader, RECORDS[element], node.items, 1)
  elseif kind == "int" then
    local low = node.number % 0x100000000
    tree:add(field.field, range, UInt64.new(low, (node.number - low) / 0x100000000))
    return node.number >= (not field.of and field.min or 0)
  elseif kind == "bool" then
    tree:add(field.field, range, node.bool)
    return true
  end
  local data = reader.tvb:range(node.data_at, node.data_size)
  if kind == "str" then tree:add_packet_field(field.field, data, ENC_UTF_8) else tree:add(field.field, data) end
  return node.data_size >= field.min and node.data_size <= field.max
end

local function show_list(tree, reader, field, node)
  local sub = tree:add(field.node, reader.tvb:range(node.at, node.size)):append_text(": " .. #node.items)
  local fine = #node.items >= field.min and #node.items <= field.max
  for _, item in ipairs(node.items) do fine = show(sub, reader, field, field.of, item) and fine end
  return fine
end

-- Shows the values from `from` on as these fields, and what comes behind them.
show_record = function(tree, reader, list, nodes, from)
  local fine = #nodes - from + 1 >= #list
  for i = from, #nodes do
    local node, field = nodes[i], list[i - from + 1]
    if field and field.of and node.kind == "list" then
      fine = show_list(tree, reader, field, node) and fine
    elseif field then
      fine = show(tree, reader, field, field.type, node) and fine
    else
      tree:add(fields.value, reader.tvb:range(node.at, node.size))
    end
  end
  return fine
end

local function range_of(number)
  for _, range in ipairs(RANGES) do
    if number >= range.from and number <= range.to then return range end
  end
end

local function show_frame(tree, reader)
  local root, sound = read(reader, 1)
  sound = sound and reader.at == reader.stop
  local items = root and root.items or {}
  local first = items[1]
  if not (first and first.kind == "int" and first.number >= 1 and first.number <= 127) then
    if first then tree:add(fields.not_a_type, reader.tvb:range(first.at, first.size)) end
    show_record(tree, reader, {}, items, 2)
    return "not a frame", BAD
  end
  tree:add(fields.type, reader.tvb:range(first.at, first.size), first.number)
  local frame, range = FRAMES[first.number], range_of(first.number)
  local fine = show_record(tree, reader, frame and frame.fields or {}, items, 2)
  local name = frame and frame.name or "unknown " .. first.number
  if not sound then return name, BAD end
  if not frame then return name, range.unknown == "close" and "unknown_frame" or nil end
  return name, not fine and BAD or nil
end

-- ---- Streams and datagrams --------------------------------------------------------------------------------

local function dissect_frame(tvb, pinfo, root)
  local length = tvb:range(0, 4):uint()
  local tree = root:add(proto, tvb:range(0, math.min(tvb:len(), 4 + length)))
  tree:add(fields.length, tvb:range(0, 4))
  local name, fault = "frame", nil
  if length == 0 then
    fault = BAD
  elseif length > FRAME_BYTES then
    fault = "frame_too_large"
  else
    name, fault = show_frame(tree, { tvb = tvb, at = 4, stop = 4 + length, items = 0 })
  end
  tree:append_text(", " .. name)
  if fault then
    tree:add(fields.fault, fault):set_generated()
    tree:add_proto_expert_info(fault_info, fault)
  end
  pinfo.cols.protocol = "Palaver"
  pinfo.cols.info:append(" " .. name)
  return tvb:len()
end

-- After a length that is not allowed nothing can be found any more: what is there counts as one frame.
local function frame_size(tvb, _, offset)
  local length = tvb:range(offset, 4):uint()
  if length == 0 or length > FRAME_BYTES then return tvb:len() - offset end
  return 4 + length
end

function proto.dissector(tvb, pinfo, root)
  pinfo.cols.info = ""
  dissect_tcp_pdus(tvb, root, 4, frame_size, dissect_frame, true)
  return tvb:len()
end

local datagram = Proto("palaver_datagram", "Palaver datagram")
local packet_type = ProtoField.uint8("palaver_datagram.type", "packet", base.HEX, PACKETS)
local packet_rest = ProtoField.bytes("palaver_datagram.rest", "header and sealed frames")
datagram.fields = { packet_type, packet_rest }

function datagram.dissector(tvb, pinfo, root)
  local name = PACKETS[tvb:range(0, 1):uint()]
  if not name then return 0 end
  local tree = root:add(datagram, tvb:range())
  tree:add(packet_type, tvb:range(0, 1))
  if tvb:len() > 1 then tree:add(packet_rest, tvb:range(1)) end
  pinfo.cols.protocol = "Palaver"
  pinfo.cols.info = name
  return tvb:len()
end

DissectorTable.get("tcp.port"):add(PORT, proto)
DissectorTable.get("udp.port"):add(PORT, datagram)
