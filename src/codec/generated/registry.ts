// Written by tools/spec/generate.ts from spec/registry. Do not edit.

import type { ErrorInfo, FieldSpec, FrameSpec, RangeSpec } from '../spec-types.ts'

export const VERSIONS = {
  /** this specification */
  palaver_1: 1,
} as const

/** The limits of the specification, by name, in their units. Relay and client limits are defaults. */
export const LIMITS = {
  /** a frame after the handshake, bytes */
  frameBytes: 65536,
  /** a frame before the session is open, bytes */
  handshakeFrameBytes: 1024,
  /** the body of a message, bytes */
  bodyBytes: 61440,
  /** arrays within arrays in a frame, the frame itself included, levels */
  nesting: 8,
  /** MessagePack values in a frame, at all levels together, items */
  items: 1024,
  /** keys of one map, where an application body holds maps, keys */
  mapKeys: 64,
  /** a name, code points */
  nameCodePoints: 32,
  /** a name in UTF-8, bytes */
  nameBytes: 128,
  /** a room's name, code points */
  roomNameCodePoints: 64,
  /** a room's name in UTF-8, bytes */
  roomNameBytes: 256,
  /** a topic in UTF-8, bytes */
  topicBytes: 512,
  /** the text of an error, a close or a reason, bytes */
  textBytes: 512,
  /** an announcement, bytes */
  noticeBytes: 4096,
  /** the agent text, bytes */
  agentBytes: 64,
  /** an address in text, bytes */
  addressBytes: 64,
  /** a relay's name, bytes */
  relayNameBytes: 64,
  /** an admission token, bytes */
  tokenBytes: 256,
  /** an identity key, bytes */
  keyBytes: 32,
  /** a text message in UTF-8, bytes */
  messageTextBytes: 16384,
  /** the data of one part of a file, bytes */
  partBytes: 32768,
  /** a file sent in parts, bytes */
  fileBytes: 1073741824,
  /** a file's name, bytes */
  fileNameBytes: 255,
  /** the entries of one history frame, bytes */
  pageBytes: 63488,
  /** the signed part of a stored bundle, bytes */
  bundleBytes: 1024,
  /** the body of a signal, bytes */
  signalBytes: 64,
  /** open sessions on the relay, sessions */
  sessions: 10000,
  /** rooms on the relay, rooms */
  rooms: 100000,
  /** rooms one session is in, rooms */
  roomsPerSession: 100,
  /** direct conversations one session has open, conversations */
  directsPerSession: 256,
  /** members of a room unless its operator lowers it, members */
  membersPerRoom: 2000,
  /** names bound to one identity key, names */
  namesPerKey: 4,
  /** bans in force in one room, bans */
  bansPerRoom: 1024,
  /** links whose handshake is not finished, links */
  handshakes: 1024,
  /** unfinished handshakes from one IPv4 address or IPv6 /56, links */
  handshakesPerAddress: 16,
  /** links from one IPv4 address or IPv6 /56, links */
  linksPerAddress: 32,
  /** messages a client has under way in one conversation, messages */
  unacknowledgedSends: 256,
  /** bytes waiting for one slow reader; half of it stops the feeding, bytes */
  outboundBytes: 262144,
  /** events a client library holds for an application that does not read them, events */
  eventsHeld: 1024,
  /** bodies a client has under way in one conversation; one message may always be, bytes */
  unacknowledgedBytes: 262144,
  /** names bound on the relay, names */
  names: 250000,
  /** entries kept of one conversation, bytes */
  retentionBytes: 16777216,
  /** entries kept of all conversations, bytes */
  logBytes: 8589934592,
  /** entries of direct conversations that wait for one identity, entries */
  mailboxMessages: 10000,
  /** the same in bytes, bytes */
  mailboxBytes: 67108864,
  /** messages of one session, in the long run, per second */
  sendsPerSecond: 40,
  /** messages of one session at once, messages */
  sendsBurst: 200,
  /** bytes of send frames of one session, in the long run, per second */
  sendBytesPerSecond: 1048576,
  /** bytes of send frames of one session at once, bytes */
  sendBytesBurst: 4194304,
  /** requests, cursors and pings of one session, in the long run, per second */
  requestsPerSecond: 20,
  /** requests, cursors and pings of one session at once, requests */
  requestsBurst: 512,
  /** joins, follows and directs of one session, in the long run, per second */
  joinsPerSecond: 1,
  /** joins, follows and directs of one session at once, joins */
  joinsBurst: 128,
  /** new links from one IPv4 address or IPv6 /56, in the long run, per second */
  linksPerSecond: 2,
  /** new links from one IPv4 address or IPv6 /56 at once, links */
  linksBurst: 64,
  /** bytes waiting for all readers together, bytes */
  outboundTotalBytes: 268435456,
  /** installations that a conversation remembers, participants */
  participantsPerRoom: 100000,
  /** one-time prekeys kept of one identity, prekeys */
  prekeysPerKey: 100,
  /** from a link's opening to the end of its handshake, ms */
  handshakeMs: 5000,
  /** silence after which a client sends a ping, ms */
  pingMs: 30000,
  /** silence after which a relay closes a session, ms */
  idleMs: 75000,
  /** wait for the pong of a keepalive before the link counts as lost, ms */
  pongMs: 15000,
  /** time given to a closing link to take its last bytes, ms */
  lingerMs: 2000,
  /** how long after its last use a resume token is good, ms */
  resumeMs: 86400000,
  /** how long a membership waits for a client whose link was lost, ms */
  detachedMs: 30000,
  /** how long a link may take nothing of what waits for it, ms */
  stallMs: 30000,
  /** how long entries are kept, ms */
  retentionMs: 2592000000,
  /** how long the refs of an installation are remembered after its last message, ms */
  dedupeMs: 7776000000,
  /** how long a client may keep exceeding a rate before its session is closed, ms */
  rateExcessMs: 10000,
  /** publishes and claims of one identity, in the long run, per minute */
  keyRequestsPerMinute: 12,
  /** publishes and claims of one identity at once, requests */
  keyRequestsBurst: 60,
  /** with fewer one-time prekeys than this, their owner is told, prekeys */
  prekeysLow: 20,
  /** how long a bundle is kept that its owner does not publish again, ms */
  prekeysMs: 2592000000,
  /** refused claims from one IPv4 address or IPv6 /56, in the long run, per minute */
  refusalsPerMinute: 5,
  /** refused claims from one IPv4 address or IPv6 /56 at once, claims */
  refusalsBurst: 20,
  /** signals of one session, in the long run, per second */
  signalsPerSecond: 5,
  /** signals of one session at once, signals */
  signalsBurst: 20,
  /** bytes waiting for one link beyond which it gets no signals, bytes */
  signalBacklogBytes: 4096,
  /** between two signals of somebody who goes on typing, ms */
  typingMs: 3000,
  /** how long somebody counts as typing after such a signal, ms */
  typingShownMs: 7000,
  /** one-time prekeys of one identity given out, in the long run, per minute */
  prekeysGivenPerMinute: 12,
  /** one-time prekeys of one identity given out at once, prekeys */
  prekeysGivenBurst: 30,
} as const

/** The number under which a limit travels. */
export const LIMIT_IDS = {
  frameBytes: 1,
  handshakeFrameBytes: 2,
  bodyBytes: 3,
  nesting: 4,
  items: 5,
  mapKeys: 6,
  nameCodePoints: 7,
  nameBytes: 8,
  roomNameCodePoints: 9,
  roomNameBytes: 10,
  topicBytes: 11,
  textBytes: 12,
  noticeBytes: 13,
  agentBytes: 14,
  addressBytes: 15,
  relayNameBytes: 16,
  tokenBytes: 17,
  keyBytes: 18,
  messageTextBytes: 19,
  partBytes: 20,
  fileBytes: 21,
  fileNameBytes: 22,
  pageBytes: 23,
  bundleBytes: 24,
  signalBytes: 25,
  sessions: 32,
  rooms: 33,
  roomsPerSession: 34,
  directsPerSession: 35,
  membersPerRoom: 36,
  namesPerKey: 37,
  bansPerRoom: 38,
  handshakes: 39,
  handshakesPerAddress: 40,
  linksPerAddress: 41,
  unacknowledgedSends: 42,
  outboundBytes: 43,
  eventsHeld: 44,
  unacknowledgedBytes: 45,
  names: 46,
  retentionBytes: 47,
  logBytes: 48,
  mailboxMessages: 49,
  mailboxBytes: 50,
  sendsPerSecond: 51,
  sendsBurst: 52,
  sendBytesPerSecond: 53,
  sendBytesBurst: 54,
  requestsPerSecond: 55,
  requestsBurst: 56,
  joinsPerSecond: 57,
  joinsBurst: 58,
  linksPerSecond: 59,
  linksBurst: 60,
  outboundTotalBytes: 61,
  participantsPerRoom: 62,
  prekeysPerKey: 63,
  handshakeMs: 64,
  pingMs: 65,
  idleMs: 66,
  pongMs: 67,
  lingerMs: 68,
  resumeMs: 69,
  detachedMs: 70,
  stallMs: 71,
  retentionMs: 72,
  dedupeMs: 73,
  rateExcessMs: 74,
  keyRequestsPerMinute: 75,
  keyRequestsBurst: 76,
  prekeysLow: 77,
  prekeysMs: 78,
  refusalsPerMinute: 79,
  refusalsBurst: 80,
  signalsPerSecond: 81,
  signalsBurst: 82,
  signalBacklogBytes: 83,
  typingMs: 84,
  typingShownMs: 85,
  prekeysGivenPerMinute: 86,
  prekeysGivenBurst: 87,
} as const

/** The limits that a relay enforces and announces in ready. */
export const RELAY_LIMITS = ['frameBytes', 'bodyBytes', 'sessions', 'rooms', 'roomsPerSession', 'directsPerSession', 'membersPerRoom', 'namesPerKey', 'bansPerRoom', 'handshakes', 'handshakesPerAddress', 'linksPerAddress', 'outboundBytes', 'names', 'retentionBytes', 'logBytes', 'mailboxMessages', 'mailboxBytes', 'sendsPerSecond', 'sendsBurst', 'sendBytesPerSecond', 'sendBytesBurst', 'requestsPerSecond', 'requestsBurst', 'joinsPerSecond', 'joinsBurst', 'linksPerSecond', 'linksBurst', 'outboundTotalBytes', 'participantsPerRoom', 'prekeysPerKey', 'handshakeMs', 'idleMs', 'lingerMs', 'resumeMs', 'detachedMs', 'stallMs', 'retentionMs', 'dedupeMs', 'rateExcessMs', 'keyRequestsPerMinute', 'keyRequestsBurst', 'prekeysMs', 'refusalsPerMinute', 'refusalsBurst', 'signalsPerSecond', 'signalsBurst', 'signalBacklogBytes', 'prekeysGivenPerMinute', 'prekeysGivenBurst'] as const

/** Error codes by name. */
export const ERRORS = {
  goodbye: 256,
  bad_frame: 257,
  frame_too_large: 258,
  unknown_frame: 259,
  out_of_turn: 260,
  unsupported_version: 261,
  bad_signature: 262,
  name_taken: 263,
  bad_name: 264,
  not_admitted: 265,
  banned: 266,
  relay_full: 267,
  handshake_timeout: 268,
  idle_timeout: 269,
  replaced: 270,
  kicked: 271,
  slow_consumer: 272,
  going_away: 273,
  too_many_links: 274,
  internal: 275,
  cannot_resume: 276,
  session_revoked: 277,
  storage_failed: 278,
  rate_exceeded: 279,
  no_such_room: 513,
  not_a_member: 514,
  room_full: 515,
  room_banned: 516,
  room_locked: 517,
  not_permitted: 518,
  no_such_name: 519,
  too_many_conversations: 521,
  already_member: 522,
  bad_room_name: 523,
  mailbox_full: 524,
  storage_full: 525,
  no_such_conversation: 526,
  no_keys: 527,
  ref_gap: 769,
  ref_repeated: 770,
  body_too_large: 771,
  bad_value: 772,
  rate_limited: 773,
} as const

/** The name of an error code. */
export type ErrorName = keyof typeof ERRORS

/** What each error code means. */
export const ERROR_INFO: Readonly<Record<ErrorName, ErrorInfo>> = {
  goodbye: { name: 'goodbye', code: 256, scope: 'session', retry: 'never', summary: 'the sender is done', hint: '' },
  bad_frame: { name: 'bad_frame', code: 257, scope: 'session', retry: 'never', summary: 'a frame breaks the encoding or a field\'s rules', hint: 'the program at the other end, or a proxy between, does not speak this protocol' },
  frame_too_large: { name: 'frame_too_large', code: 258, scope: 'session', retry: 'never', summary: 'a frame is longer than the limit in force', hint: 'send less at once' },
  unknown_frame: { name: 'unknown_frame', code: 259, scope: 'session', retry: 'never', summary: 'a frame type of the protocol range that the receiver does not know', hint: 'one of the two programs is too old' },
  out_of_turn: { name: 'out_of_turn', code: 260, scope: 'session', retry: 'never', summary: 'a frame that this state does not allow, or that the other side sends', hint: 'the program at the other end has a bug' },
  unsupported_version: { name: 'unsupported_version', code: 261, scope: 'session', retry: 'never', summary: 'no version in common', hint: 'update the older of the two programs' },
  bad_signature: { name: 'bad_signature', code: 262, scope: 'session', retry: 'never', summary: 'a signature does not verify', hint: 'somebody may stand between you and the relay' },
  name_taken: { name: 'name_taken', code: 263, scope: 'session', retry: 'never', summary: 'the name, or one that looks like it, belongs to another key', hint: 'choose another name with --nick' },
  bad_name: { name: 'bad_name', code: 264, scope: 'session', retry: 'never', summary: 'the name is not allowed', hint: 'use 1 to 32 letters, digits, \'-\', \'_\' or \'.\'' },
  not_admitted: { name: 'not_admitted', code: 265, scope: 'session', retry: 'never', summary: 'the relay wants a token or a listed key', hint: 'ask the operator for a token and give it with --token-file' },
  banned: { name: 'banned', code: 266, scope: 'session', retry: 'later', summary: 'the identity is banned from the relay', hint: 'ask an operator' },
  relay_full: { name: 'relay_full', code: 267, scope: 'session', retry: 'later', summary: 'no session is free', hint: 'try later, or ask an operator to raise it: palaver admin limit N' },
  handshake_timeout: { name: 'handshake_timeout', code: 268, scope: 'session', retry: 'now', summary: 'the handshake took too long', hint: 'try again' },
  idle_timeout: { name: 'idle_timeout', code: 269, scope: 'session', retry: 'now', summary: 'nothing was heard for too long', hint: 'try again' },
  replaced: { name: 'replaced', code: 270, scope: 'session', retry: 'never', summary: 'the same identity opened a newer session', hint: 'you are connected from somewhere else' },
  kicked: { name: 'kicked', code: 271, scope: 'session', retry: 'later', summary: 'an operator ended the session', hint: 'ask an operator' },
  slow_consumer: { name: 'slow_consumer', code: 272, scope: 'session', retry: 'now', summary: 'the client reads too slowly', hint: 'read faster, or join fewer rooms' },
  going_away: { name: 'going_away', code: 273, scope: 'session', retry: 'later', summary: 'the relay shuts down', hint: 'try again soon' },
  too_many_links: { name: 'too_many_links', code: 274, scope: 'session', retry: 'later', summary: 'too many links, or unfinished handshakes, from this address', hint: 'close some, or wait' },
  internal: { name: 'internal', code: 275, scope: 'session', retry: 'later', summary: 'the relay failed', hint: 'tell the operator' },
  cannot_resume: { name: 'cannot_resume', code: 276, scope: 'session', retry: 'now', summary: 'the session is over or the token was used', hint: 'sign in anew; a client does so by itself' },
  session_revoked: { name: 'session_revoked', code: 277, scope: 'session', retry: 'later', summary: 'a resume token was used a second time: somebody may have copied it', hint: 'look who else has your identity file' },
  storage_failed: { name: 'storage_failed', code: 278, scope: 'session', retry: 'later', summary: 'the relay cannot store', hint: 'tell the operator: the disk may be full' },
  rate_exceeded: { name: 'rate_exceeded', code: 279, scope: 'session', retry: 'later', summary: 'the client kept sending faster than the relay allows', hint: 'send slower: the relay states its rates when a session opens' },
  no_such_room: { name: 'no_such_room', code: 513, scope: 'conversation', retry: 'never', summary: 'there is no room of that name', hint: 'see the list: palaver rooms' },
  not_a_member: { name: 'not_a_member', code: 514, scope: 'conversation', retry: 'never', summary: 'the client is not in that conversation', hint: 'join it first' },
  room_full: { name: 'room_full', code: 515, scope: 'conversation', retry: 'later', summary: 'the room has all the members it may have', hint: 'try later, or ask an operator to raise it: palaver admin limit N -r ROOM' },
  room_banned: { name: 'room_banned', code: 516, scope: 'conversation', retry: 'later', summary: 'the identity is banned from the room', hint: 'ask an operator of the room' },
  room_locked: { name: 'room_locked', code: 517, scope: 'conversation', retry: 'later', summary: 'the room is closed to newcomers', hint: 'ask an operator of the room' },
  not_permitted: { name: 'not_permitted', code: 518, scope: 'conversation', retry: 'never', summary: 'only an operator may do that', hint: 'ask an operator' },
  no_such_name: { name: 'no_such_name', code: 519, scope: 'conversation', retry: 'never', summary: 'nobody is known by that name, or nobody of that name is there', hint: 'see who is there: palaver who' },
  too_many_conversations: { name: 'too_many_conversations', code: 521, scope: 'conversation', retry: 'never', summary: 'the session, the peer or the relay has all the conversations it may have', hint: 'leave one first' },
  already_member: { name: 'already_member', code: 522, scope: 'conversation', retry: 'never', summary: 'the client is in that room already', hint: '' },
  bad_room_name: { name: 'bad_room_name', code: 523, scope: 'conversation', retry: 'never', summary: 'the room\'s name is not allowed, or looks like another room\'s', hint: 'use 1 to 64 letters, digits, \'-\', \'_\' or \'.\'' },
  mailbox_full: { name: 'mailbox_full', code: 524, scope: 'conversation', retry: 'later', summary: 'as many messages as may wait for the other one do', hint: 'try when they have been read' },
  storage_full: { name: 'storage_full', code: 525, scope: 'conversation', retry: 'later', summary: 'the relay keeps as much as it may', hint: 'tell the operator' },
  no_such_conversation: { name: 'no_such_conversation', code: 526, scope: 'conversation', retry: 'never', summary: 'there is no conversation of that number and log', hint: 'join the room by its name' },
  no_keys: { name: 'no_keys', code: 527, scope: 'conversation', retry: 'later', summary: 'the relay keeps no keys of that identity', hint: 'the other one has to come once with a program that seals' },
  ref_gap: { name: 'ref_gap', code: 769, scope: 'frame', retry: 'never', summary: 'a ref is not the one after the last', hint: 'the client has a bug' },
  ref_repeated: { name: 'ref_repeated', code: 770, scope: 'frame', retry: 'never', summary: 'a ref was accepted already, with another message', hint: 'another copy of this client runs with the same client id' },
  body_too_large: { name: 'body_too_large', code: 771, scope: 'frame', retry: 'never', summary: 'the body is larger than the relay\'s limit', hint: 'send it in smaller pieces, or as a file' },
  bad_value: { name: 'bad_value', code: 772, scope: 'frame', retry: 'never', summary: 'a value that this request does not allow', hint: '' },
  rate_limited: { name: 'rate_limited', code: 773, scope: 'frame', retry: 'later', summary: 'faster than the relay allows', hint: 'send slower' },
}

export const CAPABILITIES = {
  /** the client takes signals, and may send them */
  signals: 1,
  /** never assigned: offered at random */
  grease_0: 2570,
  /** never assigned: offered at random */
  grease_1: 6682,
  /** never assigned: offered at random */
  grease_2: 10794,
  /** never assigned: offered at random */
  grease_3: 14906,
} as const

export const ROLES = {
  /** may talk */
  member: 0,
  /** may moderate the room */
  operator: 1,
  /** may moderate the relay and every room */
  relay_operator: 2,
} as const

export const CONVERSATION_KINDS = {
  /** a room that identities join by its name */
  room: 0,
  /** a conversation of exactly two identities */
  direct: 1,
} as const

export const JOIN_OPTIONS = {
  /** send the members after joined */
  members: 1,
  /** refuse rather than make a new room */
  existing: 2,
} as const

export const CONTENT_KINDS = {
  /** UTF-8 text */
  text: 0,
  /** UTF-8 text: what the sender does, as in /me */
  action: 1,
  /** one part of a file */
  part: 2,
  /** bytes with no meaning to the protocol */
  bytes: 3,
  /** sealed end to end: only the members can tell what */
  sealed: 4,
} as const

export const SIGNAL_KINDS = {
  /** value: 1 is typing, 0 no longer */
  typing: 1,
  /** value: the last entry that was read */
  read: 2,
} as const

export const EVENTS = {
  /** subject, name, key: who; value: role */
  joined: 1,
  /** subject, name: who; value: leave reason */
  left: 2,
  /** actor: by whom; subject, name: who; text: why */
  kicked: 3,
  /** actor: by whom; subject, name, key: who; value: seconds or 0; text: why */
  banned: 4,
  /** actor: by whom; name, key: who */
  unbanned: 5,
  /** actor: by whom; text: the topic */
  topic: 6,
  /** actor: by whom; subject, name: who; value: role */
  role: 7,
  /** actor: by whom; value: members at the most */
  limit: 8,
  /** actor: by whom; value: 1 closed, 0 open */
  lock: 9,
} as const

export const LEAVE_REASONS = {
  /** asked to leave */
  left: 0,
  /** the session said goodbye */
  closed: 1,
  /** the link was lost and the client did not come back in time */
  lost: 2,
  /** the relay ended the session */
  removed: 3,
  /** a newer session of the same identity took over */
  replaced: 4,
} as const

export const DURABILITIES = {
  /** lost when the relay stops */
  memory: 0,
  /** committed to disk before it is acknowledged */
  disk: 1,
} as const

export const GAP_REASONS = {
  /** older than the relay keeps */
  retention: 1,
  /** damaged in the store */
  corrupt: 2,
  /** the membership ended before they were sent */
  skipped: 3,
} as const

/** One limit the relay enforces, by its number in the limits registry. */
export interface LimitRecord {
  /** number of the limit */
  readonly id: number
  /** its value, in the limit's unit */
  readonly value: number
}

/** One member of a conversation. */
export interface MemberRecord {
  /** number that stands for the member in this conversation */
  readonly alias: number
  /** the member's name */
  readonly name: string
  /** the member's Ed25519 identity key */
  readonly key: Uint8Array
  /** the member's role */
  readonly role: number
}

/** A one-time prekey: a public key that begins one session. */
export interface PrekeyRecord {
  /** its number, chosen by the owner */
  readonly number: number
  /** the public key */
  readonly key: Uint8Array
}

/** One line of the room list. */
export interface RoomRecord {
  /** the room's name */
  readonly name: string
  /** members now */
  readonly count: number
  /** members at the most */
  readonly limit: number
  /** the topic, or empty */
  readonly topic: string
}

/** Opens the handshake: what the client speaks. */
export interface HelloFrame {
  readonly type: 'hello'
  /** protocol versions the client speaks */
  readonly versions: readonly number[]
  /** capability numbers the client offers */
  readonly capabilities: readonly number[]
  /** fresh random bytes */
  readonly nonce: Uint8Array
  /** name and version of the program, for people */
  readonly agent: string
}

/** Answers hello: what was chosen, who the relay is, and what to sign. */
export interface ChallengeFrame {
  readonly type: 'challenge'
  /** the version chosen */
  readonly version: number
  /** capabilities in force: offered by the client and known to the relay */
  readonly capabilities: readonly number[]
  /** the relay's Ed25519 identity key */
  readonly relayKey: Uint8Array
  /** fresh random bytes */
  readonly nonce: Uint8Array
  /** the address and port the relay sees the client at */
  readonly address: string
  /** the relay's name, for people */
  readonly relayName: string
}

/** Proves the client's identity and claims a name. */
export interface AuthFrame {
  readonly type: 'auth'
  /** the name wished for */
  readonly name: string
  /** the client's Ed25519 identity key */
  readonly key: Uint8Array
  /** random number of this installation */
  readonly clientId: Uint8Array
  /** admission token, or empty */
  readonly token: string
  /** Ed25519 signature over the transcript */
  readonly signature: Uint8Array
}

/** Ends the handshake: the session is open, and the relay has proved its own key. */
export interface ReadyFrame {
  readonly type: 'ready'
  /** number of the session */
  readonly session: Uint8Array
  /** the name given, in normal form */
  readonly name: string
  /** the client's role on the relay */
  readonly role: number
  /** the relay's wall clock, milliseconds since 1970-01-01T00:00:00Z */
  readonly time: number
  /** the limits in force */
  readonly limits: readonly LimitRecord[]
  /** the relay's Ed25519 signature over the transcript */
  readonly signature: Uint8Array
  /** the resume token, for one use */
  readonly token: Uint8Array
}

/** A request or a message was refused; the session goes on. */
export interface ErrorFrame {
  readonly type: 'error'
  /** the request refused, or 0 */
  readonly request: number
  /** why */
  readonly code: number
  /** the conversation concerned, or 0 */
  readonly conversation: number
  /** the ref of the send refused, or 0 */
  readonly ref: number
  /** the same for people */
  readonly text: string
}

/** The last frame of a session: why it ends. */
export interface CloseFrame {
  readonly type: 'close'
  /** why */
  readonly code: number
  /** the same for people */
  readonly text: string
  /** milliseconds to wait before trying again, or 0 */
  readonly retryMs: number
}

/** Asks for a pong after every effect of the earlier frames in this conversation: fence and keepalive. */
export interface PingFrame {
  readonly type: 'ping'
  /** returned in the pong */
  readonly nonce: number
  /** the conversation fenced, or 0 for the session */
  readonly conversation: number
}

/** Answers a ping. */
export interface PongFrame {
  readonly type: 'pong'
  /** the ping's nonce */
  readonly nonce: number
  /** the ping's conversation */
  readonly conversation: number
}

/** A request that has no other answer was carried out. */
export interface OkFrame {
  readonly type: 'ok'
  /** the request */
  readonly request: number
  /** the conversation concerned, or 0 */
  readonly conversation: number
}

/** Takes up a session again, in place of auth. */
export interface ResumeFrame {
  readonly type: 'resume'
  /** number of the session */
  readonly session: Uint8Array
  /** its resume token */
  readonly token: Uint8Array
  /** Ed25519 signature over the transcript */
  readonly signature: Uint8Array
}

/** Asks to become a member of a room. */
export interface JoinFrame {
  readonly type: 'join'
  /** number of the request */
  readonly request: number
  /** the room's name */
  readonly room: string
  /** bits */
  readonly options: number
}

/** The client is a member now; what follows in this conversation comes after this point of its log. */
export interface JoinedFrame {
  readonly type: 'joined'
  /** the join, direct or follow answered, or 0 when the relay opened the conversation */
  readonly request: number
  /** number that stands for the conversation on this relay */
  readonly conversation: number
  /** room or direct */
  readonly kind: number
  /** the room's name, or the peer's */
  readonly name: string
  /** the client's own alias here */
  readonly alias: number
  /** the client's role here */
  readonly role: number
  /** sequence number of the last entry before this point */
  readonly seq: number
  /** highest ref accepted from this client in this conversation */
  readonly ref: number
  /** members, the client included */
  readonly count: number
  /** members at the most */
  readonly limit: number
  /** whether the room is closed to newcomers */
  readonly locked: boolean
  /** the topic, or empty */
  readonly topic: string
  /** direct: both members; room: empty */
  readonly peers: readonly MemberRecord[]
  /** sequence number of the last entry; members, topic and the rest are as of it */
  readonly head: number
  /** sequence number of the oldest entry kept, or head + 1 */
  readonly first: number
  /** number of this log; another one means another log */
  readonly log: Uint8Array
  /** what an acknowledged message survives */
  readonly durability: number
  /** how long entries are kept at least, unless keepBytes is reached */
  readonly keepMs: number
  /** how many bytes of entries are kept */
  readonly keepBytes: number
}

/** Ends the client's membership. */
export interface LeaveFrame {
  readonly type: 'leave'
  /** number of the request */
  readonly request: number
  /** the conversation */
  readonly conversation: number
}

/** Asks who is in a conversation, or with conversation 0 who is on the relay. */
export interface WhoFrame {
  readonly type: 'who'
  /** number of the request */
  readonly request: number
  /** the conversation, or 0 */
  readonly conversation: number
  /** only aliases above this one */
  readonly after: number
}

/** Members in the order of their aliases. */
export interface MembersFrame {
  readonly type: 'members'
  /** the who or join answered */
  readonly request: number
  /** the conversation, or 0 */
  readonly conversation: number
  /** the members */
  readonly members: readonly MemberRecord[]
  /** whether there are members with higher aliases */
  readonly more: boolean
}

/** Asks for the rooms of the relay. */
export interface ListFrame {
  readonly type: 'list'
  /** number of the request */
  readonly request: number
  /** only names after this one in code point order; empty for all */
  readonly after: string
}

/** Rooms in code point order of their names. */
export interface RoomsFrame {
  readonly type: 'rooms'
  /** the list answered */
  readonly request: number
  /** the rooms */
  readonly rooms: readonly RoomRecord[]
  /** whether there are more */
  readonly more: boolean
}

/** Asks which identity a name is bound to. */
export interface WhoisFrame {
  readonly type: 'whois'
  /** number of the request */
  readonly request: number
  /** the name */
  readonly name: string
}

/** The identity behind a name. */
export interface IdentityFrame {
  readonly type: 'identity'
  /** the whois answered */
  readonly request: number
  /** the name in normal form */
  readonly name: string
  /** the Ed25519 identity key it is bound to */
  readonly key: Uint8Array
  /** whether a session of that name is open */
  readonly online: boolean
  /** its role on the relay */
  readonly role: number
}

/** Asks for the direct conversation with a name. */
export interface DirectFrame {
  readonly type: 'direct'
  /** number of the request */
  readonly request: number
  /** the peer's name */
  readonly name: string
}

/** Asks for the membership in a conversation the client knows, and for the entries after a position. */
export interface FollowFrame {
  readonly type: 'follow'
  /** number of the request */
  readonly request: number
  /** the conversation */
  readonly conversation: number
  /** number of its log, from joined */
  readonly log: Uint8Array
  /** position of the last entry the client has */
  readonly seq: number
}

/** Asks for earlier entries. */
export interface FetchFrame {
  readonly type: 'fetch'
  /** number of the request */
  readonly request: number
  /** the conversation */
  readonly conversation: number
  /** sequence number of the first entry wanted */
  readonly from: number
  /** entries wanted at the most */
  readonly count: number
}

/** Earlier entries, in their order. */
export interface HistoryFrame {
  readonly type: 'history'
  /** the fetch answered */
  readonly request: number
  /** the conversation */
  readonly conversation: number
  /** who the senders of these messages are */
  readonly senders: readonly MemberRecord[]
  /** message and event frames as on a stream, each with its length */
  readonly entries: Uint8Array
  /** whether entries that were asked for are left */
  readonly more: boolean
}

/** The client keeps every entry up to this one itself. */
export interface CursorFrame {
  readonly type: 'cursor'
  /** the conversation */
  readonly conversation: number
  /** position of the last entry kept */
  readonly seq: number
}

/** A message for a conversation. */
export interface SendFrame {
  readonly type: 'send'
  /** the conversation */
  readonly conversation: number
  /** 1, 2, 3, ... in each conversation */
  readonly ref: number
  /** how to read the body */
  readonly kind: number
  /** the content */
  readonly body: Uint8Array
}

/** A message in the log; the same bytes for every member, the sender included. */
export interface MessageFrame {
  readonly type: 'message'
  /** the conversation */
  readonly conversation: number
  /** position in the log: 1, 2, 3, ... */
  readonly seq: number
  /** when the relay took it, milliseconds since 1970-01-01T00:00:00Z */
  readonly time: number
  /** the sender's alias */
  readonly sender: number
  /** the sender's ref */
  readonly ref: number
  /** how to read the body */
  readonly kind: number
  /** the content */
  readonly body: Uint8Array
}

/** Something else in the log: who came, who went, what changed. */
export interface EventFrame {
  readonly type: 'event'
  /** the conversation */
  readonly conversation: number
  /** position in the log */
  readonly seq: number
  /** when, milliseconds since 1970-01-01T00:00:00Z */
  readonly time: number
  /** what happened */
  readonly kind: number
  /** alias of the member who did it, or 0 for the relay */
  readonly actor: number
  /** alias of the member it happened to, or 0 */
  readonly subject: number
  /** the subject's name, or empty */
  readonly name: string
  /** the subject's identity key, or empty */
  readonly key: Uint8Array
  /** depends on the kind */
  readonly value: number
  /** depends on the kind */
  readonly text: string
}

/** Entries that the client asked for or follows and that are there no longer. */
export interface GapFrame {
  readonly type: 'gap'
  /** the conversation */
  readonly conversation: number
  /** sequence number of the first entry missing */
  readonly from: number
  /** sequence number of the last entry missing */
  readonly to: number
  /** why */
  readonly reason: number
}

/** The message was taken before. */
export interface AckFrame {
  readonly type: 'ack'
  /** the conversation */
  readonly conversation: number
  /** the ref of the message */
  readonly ref: number
  /** its position in the log, or 0 when the relay no longer knows it */
  readonly seq: number
}

/** Who stands behind aliases of the entries that follow; they need not be members any more. */
export interface SendersFrame {
  readonly type: 'senders'
  /** the conversation */
  readonly conversation: number
  /** the senders */
  readonly senders: readonly MemberRecord[]
}

/** Tells the other members what is of use soon or never: who is typing, what was read. */
export interface SignalFrame {
  readonly type: 'signal'
  /** the conversation */
  readonly conversation: number
  /** what it tells */
  readonly kind: number
  /** as the kind says */
  readonly value: number
  /** as the kind says, or empty */
  readonly body: Uint8Array
}

/** A signal of another member. */
export interface SignalledFrame {
  readonly type: 'signalled'
  /** the conversation */
  readonly conversation: number
  /** alias of the sender */
  readonly sender: number
  /** the signal's kind */
  readonly kind: number
  /** the signal's value */
  readonly value: number
  /** the signal's body */
  readonly body: Uint8Array
}

/** Sets a room's topic. */
export interface SetTopicFrame {
  readonly type: 'setTopic'
  /** number of the request */
  readonly request: number
  /** the room */
  readonly conversation: number
  /** the new topic, or empty */
  readonly topic: string
}

/** Removes a member from a room, or with conversation 0 a session from the relay. */
export interface KickFrame {
  readonly type: 'kick'
  /** number of the request */
  readonly request: number
  /** the room, or 0 */
  readonly conversation: number
  /** who */
  readonly name: string
  /** why, for people */
  readonly reason: string
}

/** Removes an identity and keeps it out, of a room or with conversation 0 of the relay. */
export interface BanFrame {
  readonly type: 'ban'
  /** number of the request */
  readonly request: number
  /** the room, or 0 */
  readonly conversation: number
  /** who */
  readonly name: string
  /** for how long; 0 without end */
  readonly seconds: number
  /** why, for people */
  readonly reason: string
}

/** Lifts a ban. */
export interface UnbanFrame {
  readonly type: 'unban'
  /** number of the request */
  readonly request: number
  /** the room, or 0 */
  readonly conversation: number
  /** who */
  readonly name: string
}

/** Makes a member operator of a room, or takes it back. */
export interface SetRoleFrame {
  readonly type: 'setRole'
  /** number of the request */
  readonly request: number
  /** the room */
  readonly conversation: number
  /** who */
  readonly name: string
  /** member or operator */
  readonly role: number
}

/** Sets how many members a room, or with conversation 0 how many sessions the relay, may have. */
export interface SetLimitFrame {
  readonly type: 'setLimit'
  /** number of the request */
  readonly request: number
  /** the room, or 0 */
  readonly conversation: number
  /** the new limit */
  readonly limit: number
}

/** Closes a room to newcomers, or opens it. */
export interface LockFrame {
  readonly type: 'lock'
  /** number of the request */
  readonly request: number
  /** the room */
  readonly conversation: number
  /** closed or open */
  readonly locked: boolean
}

/** A relay operator's word to every session. */
export interface AnnounceFrame {
  readonly type: 'announce'
  /** number of the request */
  readonly request: number
  /** the text */
  readonly text: string
}

/** An announcement. */
export interface NoticeFrame {
  readonly type: 'notice'
  /** when, milliseconds since 1970-01-01T00:00:00Z */
  readonly time: number
  /** the operator's name, or empty for the relay itself */
  readonly from: string
  /** the text */
  readonly text: string
}

/** Gives the relay what others need to begin a sealed conversation with this identity. */
export interface PublishFrame {
  readonly type: 'publish'
  /** number of the request */
  readonly request: number
  /** whether what the relay keeps of the identity goes first */
  readonly replaces: boolean
  /** the signed part of a stored bundle, or empty: as it is */
  readonly bundle: Uint8Array
  /** more one-time prekeys, numbers ascending */
  readonly prekeys: readonly PrekeyRecord[]
}

/** How many one-time prekeys the relay keeps of the receiver. */
export interface StockFrame {
  readonly type: 'stock'
  /** the `publish` that it answers, or 0: few are left */
  readonly request: number
  /** one-time prekeys kept */
  readonly count: number
}

/** Asks for the bundle of an identity, with one of its one-time prekeys. */
export interface ClaimFrame {
  readonly type: 'claim'
  /** number of the request */
  readonly request: number
  /** the identity key of the other one */
  readonly key: Uint8Array
}

/** The bundle that was claimed. */
export interface BundleFrame {
  readonly type: 'bundle'
  /** the `claim` that it answers */
  readonly request: number
  /** as its owner published it */
  readonly bundle: Uint8Array
  /** a one-time prekey, if one was left */
  readonly prekeys: readonly PrekeyRecord[]
}

/** Any frame of this specification. */
export type Frame =
  | HelloFrame
  | ChallengeFrame
  | AuthFrame
  | ReadyFrame
  | ErrorFrame
  | CloseFrame
  | PingFrame
  | PongFrame
  | OkFrame
  | ResumeFrame
  | JoinFrame
  | JoinedFrame
  | LeaveFrame
  | WhoFrame
  | MembersFrame
  | ListFrame
  | RoomsFrame
  | WhoisFrame
  | IdentityFrame
  | DirectFrame
  | FollowFrame
  | FetchFrame
  | HistoryFrame
  | CursorFrame
  | SendFrame
  | MessageFrame
  | EventFrame
  | GapFrame
  | AckFrame
  | SendersFrame
  | SignalFrame
  | SignalledFrame
  | SetTopicFrame
  | KickFrame
  | BanFrame
  | UnbanFrame
  | SetRoleFrame
  | SetLimitFrame
  | LockFrame
  | AnnounceFrame
  | NoticeFrame
  | PublishFrame
  | StockFrame
  | ClaimFrame
  | BundleFrame

/** The name of a frame type. */
export type FrameName = Frame['type']

/** Frame types by name. */
export const FRAME_TYPES = {
  hello: 1,
  challenge: 2,
  auth: 3,
  ready: 4,
  error: 5,
  close: 6,
  ping: 7,
  pong: 8,
  ok: 9,
  resume: 10,
  join: 16,
  joined: 17,
  leave: 18,
  who: 19,
  members: 20,
  list: 21,
  rooms: 22,
  whois: 23,
  identity: 24,
  direct: 25,
  follow: 26,
  fetch: 27,
  history: 28,
  cursor: 29,
  send: 32,
  message: 33,
  event: 34,
  gap: 35,
  ack: 36,
  senders: 37,
  signal: 38,
  signalled: 39,
  setTopic: 40,
  kick: 41,
  ban: 42,
  unban: 43,
  setRole: 44,
  setLimit: 45,
  lock: 46,
  announce: 47,
  notice: 48,
  publish: 49,
  stock: 50,
  claim: 51,
  bundle: 52,
} as const

const limitFields: readonly FieldSpec[] = [
  { kind: 'uint', name: 'id', summary: 'number of the limit', bits: 16, min: 0, max: 65535 },
  { kind: 'uint', name: 'value', summary: 'its value, in the limit\'s unit', bits: 53, min: 0, max: 9007199254740991 },
]

const memberFields: readonly FieldSpec[] = [
  { kind: 'uint', name: 'alias', summary: 'number that stands for the member in this conversation', bits: 32, min: 1, max: 4294967295 },
  { kind: 'str', name: 'name', summary: 'the member\'s name', minBytes: 0, maxBytes: 128 },
  { kind: 'bin', name: 'key', summary: 'the member\'s Ed25519 identity key', minBytes: 32, maxBytes: 32 },
  { kind: 'uint', name: 'role', summary: 'the member\'s role', bits: 8, min: 0, max: 255, registry: 'roles' },
]

const prekeyFields: readonly FieldSpec[] = [
  { kind: 'uint', name: 'number', summary: 'its number, chosen by the owner', bits: 32, min: 0, max: 4294967295 },
  { kind: 'bin', name: 'key', summary: 'the public key', minBytes: 32, maxBytes: 32 },
]

const roomFields: readonly FieldSpec[] = [
  { kind: 'str', name: 'name', summary: 'the room\'s name', minBytes: 0, maxBytes: 256 },
  { kind: 'uint', name: 'count', summary: 'members now', bits: 32, min: 0, max: 4294967295 },
  { kind: 'uint', name: 'limit', summary: 'members at the most', bits: 32, min: 0, max: 4294967295 },
  { kind: 'str', name: 'topic', summary: 'the topic, or empty', minBytes: 0, maxBytes: 512 },
]

/** Each frame with its fields and their bounds, in the order of the types. */
export const FRAME_SPECS: readonly FrameSpec[] = [
  {
    type: 1,
    name: 'hello',
    from: 'client',
    lane: 'control',
    chapter: '05',
    summary: 'Opens the handshake: what the client speaks.',
    fields: [
      { kind: 'list', name: 'versions', summary: 'protocol versions the client speaks', minCount: 1, maxCount: 8, of: { kind: 'uint', name: 'item', summary: '', bits: 16, min: 0, max: 65535 } },
      { kind: 'list', name: 'capabilities', summary: 'capability numbers the client offers', minCount: 0, maxCount: 64, of: { kind: 'uint', name: 'item', summary: '', bits: 16, min: 0, max: 65535 } },
      { kind: 'bin', name: 'nonce', summary: 'fresh random bytes', minBytes: 32, maxBytes: 32 },
      { kind: 'str', name: 'agent', summary: 'name and version of the program, for people', minBytes: 0, maxBytes: 64 },
    ],
  },
  {
    type: 2,
    name: 'challenge',
    from: 'relay',
    lane: 'control',
    chapter: '05',
    summary: 'Answers hello: what was chosen, who the relay is, and what to sign.',
    fields: [
      { kind: 'uint', name: 'version', summary: 'the version chosen', bits: 16, min: 1, max: 65535 },
      { kind: 'list', name: 'capabilities', summary: 'capabilities in force: offered by the client and known to the relay', minCount: 0, maxCount: 64, of: { kind: 'uint', name: 'item', summary: '', bits: 16, min: 0, max: 65535 } },
      { kind: 'bin', name: 'relayKey', summary: 'the relay\'s Ed25519 identity key', minBytes: 32, maxBytes: 32 },
      { kind: 'bin', name: 'nonce', summary: 'fresh random bytes', minBytes: 32, maxBytes: 32 },
      { kind: 'str', name: 'address', summary: 'the address and port the relay sees the client at', minBytes: 0, maxBytes: 64 },
      { kind: 'str', name: 'relayName', summary: 'the relay\'s name, for people', minBytes: 0, maxBytes: 64 },
    ],
  },
  {
    type: 3,
    name: 'auth',
    from: 'client',
    lane: 'control',
    chapter: '05',
    summary: 'Proves the client\'s identity and claims a name.',
    fields: [
      { kind: 'str', name: 'name', summary: 'the name wished for', minBytes: 1, maxBytes: 128 },
      { kind: 'bin', name: 'key', summary: 'the client\'s Ed25519 identity key', minBytes: 32, maxBytes: 32 },
      { kind: 'bin', name: 'clientId', summary: 'random number of this installation', minBytes: 8, maxBytes: 8 },
      { kind: 'str', name: 'token', summary: 'admission token, or empty', minBytes: 0, maxBytes: 256 },
      { kind: 'bin', name: 'signature', summary: 'Ed25519 signature over the transcript', minBytes: 64, maxBytes: 64 },
    ],
  },
  {
    type: 4,
    name: 'ready',
    from: 'relay',
    lane: 'control',
    chapter: '05',
    summary: 'Ends the handshake: the session is open, and the relay has proved its own key.',
    fields: [
      { kind: 'bin', name: 'session', summary: 'number of the session', minBytes: 16, maxBytes: 16 },
      { kind: 'str', name: 'name', summary: 'the name given, in normal form', minBytes: 1, maxBytes: 128 },
      { kind: 'uint', name: 'role', summary: 'the client\'s role on the relay', bits: 8, min: 0, max: 255, registry: 'roles' },
      { kind: 'uint', name: 'time', summary: 'the relay\'s wall clock, milliseconds since 1970-01-01T00:00:00Z', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'list', name: 'limits', summary: 'the limits in force', minCount: 0, maxCount: 64, of: { kind: 'record', name: 'limit', summary: '', fields: limitFields } },
      { kind: 'bin', name: 'signature', summary: 'the relay\'s Ed25519 signature over the transcript', minBytes: 64, maxBytes: 64 },
      { kind: 'bin', name: 'token', summary: 'the resume token, for one use', minBytes: 32, maxBytes: 32 },
    ],
  },
  {
    type: 5,
    name: 'error',
    from: 'relay',
    lane: 'conversation',
    chapter: '09',
    summary: 'A request or a message was refused; the session goes on.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the request refused, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'code', summary: 'why', bits: 16, min: 0, max: 65535, registry: 'errors' },
      { kind: 'uint', name: 'conversation', summary: 'the conversation concerned, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'ref', summary: 'the ref of the send refused, or 0', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'str', name: 'text', summary: 'the same for people', minBytes: 0, maxBytes: 512 },
    ],
  },
  {
    type: 6,
    name: 'close',
    from: 'both',
    lane: 'control',
    chapter: '09',
    summary: 'The last frame of a session: why it ends.',
    fields: [
      { kind: 'uint', name: 'code', summary: 'why', bits: 16, min: 0, max: 65535, registry: 'errors' },
      { kind: 'str', name: 'text', summary: 'the same for people', minBytes: 0, maxBytes: 512 },
      { kind: 'uint', name: 'retryMs', summary: 'milliseconds to wait before trying again, or 0', bits: 32, min: 0, max: 4294967295 },
    ],
  },
  {
    type: 7,
    name: 'ping',
    from: 'both',
    lane: 'conversation',
    chapter: '06',
    summary: 'Asks for a pong after every effect of the earlier frames in this conversation: fence and keepalive.',
    fields: [
      { kind: 'uint', name: 'nonce', summary: 'returned in the pong', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation fenced, or 0 for the session', bits: 32, min: 0, max: 4294967295 },
    ],
  },
  {
    type: 8,
    name: 'pong',
    from: 'both',
    lane: 'conversation',
    chapter: '06',
    summary: 'Answers a ping.',
    fields: [
      { kind: 'uint', name: 'nonce', summary: 'the ping\'s nonce', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'conversation', summary: 'the ping\'s conversation', bits: 32, min: 0, max: 4294967295 },
    ],
  },
  {
    type: 9,
    name: 'ok',
    from: 'relay',
    lane: 'conversation',
    chapter: '06',
    summary: 'A request that has no other answer was carried out.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the request', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation concerned, or 0', bits: 32, min: 0, max: 4294967295 },
    ],
  },
  {
    type: 10,
    name: 'resume',
    from: 'client',
    lane: 'control',
    chapter: '05',
    summary: 'Takes up a session again, in place of auth.',
    fields: [
      { kind: 'bin', name: 'session', summary: 'number of the session', minBytes: 16, maxBytes: 16 },
      { kind: 'bin', name: 'token', summary: 'its resume token', minBytes: 32, maxBytes: 32 },
      { kind: 'bin', name: 'signature', summary: 'Ed25519 signature over the transcript', minBytes: 64, maxBytes: 64 },
    ],
  },
  {
    type: 16,
    name: 'join',
    from: 'client',
    lane: 'control',
    chapter: '07',
    summary: 'Asks to become a member of a room.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'room', summary: 'the room\'s name', minBytes: 1, maxBytes: 256 },
      { kind: 'uint', name: 'options', summary: 'bits', bits: 8, min: 0, max: 255, registry: 'join_options' },
    ],
  },
  {
    type: 17,
    name: 'joined',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'The client is a member now; what follows in this conversation comes after this point of its log.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the join, direct or follow answered, or 0 when the relay opened the conversation', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'number that stands for the conversation on this relay', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'kind', summary: 'room or direct', bits: 8, min: 0, max: 255, registry: 'conversation_kinds' },
      { kind: 'str', name: 'name', summary: 'the room\'s name, or the peer\'s', minBytes: 0, maxBytes: 256 },
      { kind: 'uint', name: 'alias', summary: 'the client\'s own alias here', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'role', summary: 'the client\'s role here', bits: 8, min: 0, max: 255, registry: 'roles' },
      { kind: 'uint', name: 'seq', summary: 'sequence number of the last entry before this point', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'ref', summary: 'highest ref accepted from this client in this conversation', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'count', summary: 'members, the client included', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'limit', summary: 'members at the most', bits: 32, min: 0, max: 4294967295 },
      { kind: 'bool', name: 'locked', summary: 'whether the room is closed to newcomers' },
      { kind: 'str', name: 'topic', summary: 'the topic, or empty', minBytes: 0, maxBytes: 512 },
      { kind: 'list', name: 'peers', summary: 'direct: both members; room: empty', minCount: 0, maxCount: 2, of: { kind: 'record', name: 'member', summary: '', fields: memberFields } },
      { kind: 'uint', name: 'head', summary: 'sequence number of the last entry; members, topic and the rest are as of it', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'first', summary: 'sequence number of the oldest entry kept, or head + 1', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'bin', name: 'log', summary: 'number of this log; another one means another log', minBytes: 8, maxBytes: 8 },
      { kind: 'uint', name: 'durability', summary: 'what an acknowledged message survives', bits: 8, min: 0, max: 255, registry: 'durabilities' },
      { kind: 'uint', name: 'keepMs', summary: 'how long entries are kept at least, unless keepBytes is reached', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'keepBytes', summary: 'how many bytes of entries are kept', bits: 53, min: 0, max: 9007199254740991 },
    ],
  },
  {
    type: 18,
    name: 'leave',
    from: 'client',
    lane: 'conversation',
    chapter: '07',
    summary: 'Ends the client\'s membership.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
    ],
  },
  {
    type: 19,
    name: 'who',
    from: 'client',
    lane: 'conversation',
    chapter: '07',
    summary: 'Asks who is in a conversation, or with conversation 0 who is on the relay.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'after', summary: 'only aliases above this one', bits: 32, min: 0, max: 4294967295 },
    ],
  },
  {
    type: 20,
    name: 'members',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'Members in the order of their aliases.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the who or join answered', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'list', name: 'members', summary: 'the members', minCount: 0, maxCount: 128, of: { kind: 'record', name: 'member', summary: '', fields: memberFields } },
      { kind: 'bool', name: 'more', summary: 'whether there are members with higher aliases' },
    ],
  },
  {
    type: 21,
    name: 'list',
    from: 'client',
    lane: 'control',
    chapter: '07',
    summary: 'Asks for the rooms of the relay.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'after', summary: 'only names after this one in code point order; empty for all', minBytes: 0, maxBytes: 256 },
    ],
  },
  {
    type: 22,
    name: 'rooms',
    from: 'relay',
    lane: 'control',
    chapter: '07',
    summary: 'Rooms in code point order of their names.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the list answered', bits: 32, min: 0, max: 4294967295 },
      { kind: 'list', name: 'rooms', summary: 'the rooms', minCount: 0, maxCount: 64, of: { kind: 'record', name: 'room', summary: '', fields: roomFields } },
      { kind: 'bool', name: 'more', summary: 'whether there are more' },
    ],
  },
  {
    type: 23,
    name: 'whois',
    from: 'client',
    lane: 'control',
    chapter: '07',
    summary: 'Asks which identity a name is bound to.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'the name', minBytes: 1, maxBytes: 128 },
    ],
  },
  {
    type: 24,
    name: 'identity',
    from: 'relay',
    lane: 'control',
    chapter: '07',
    summary: 'The identity behind a name.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the whois answered', bits: 32, min: 0, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'the name in normal form', minBytes: 1, maxBytes: 128 },
      { kind: 'bin', name: 'key', summary: 'the Ed25519 identity key it is bound to', minBytes: 32, maxBytes: 32 },
      { kind: 'bool', name: 'online', summary: 'whether a session of that name is open' },
      { kind: 'uint', name: 'role', summary: 'its role on the relay', bits: 8, min: 0, max: 255, registry: 'roles' },
    ],
  },
  {
    type: 25,
    name: 'direct',
    from: 'client',
    lane: 'control',
    chapter: '07',
    summary: 'Asks for the direct conversation with a name.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'the peer\'s name', minBytes: 1, maxBytes: 128 },
    ],
  },
  {
    type: 26,
    name: 'follow',
    from: 'client',
    lane: 'control',
    chapter: '07',
    summary: 'Asks for the membership in a conversation the client knows, and for the entries after a position.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'bin', name: 'log', summary: 'number of its log, from joined', minBytes: 8, maxBytes: 8 },
      { kind: 'uint', name: 'seq', summary: 'position of the last entry the client has', bits: 53, min: 0, max: 9007199254740991 },
    ],
  },
  {
    type: 27,
    name: 'fetch',
    from: 'client',
    lane: 'conversation',
    chapter: '07',
    summary: 'Asks for earlier entries.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'from', summary: 'sequence number of the first entry wanted', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'count', summary: 'entries wanted at the most', bits: 16, min: 1, max: 65535 },
    ],
  },
  {
    type: 28,
    name: 'history',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'Earlier entries, in their order.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the fetch answered', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'list', name: 'senders', summary: 'who the senders of these messages are', minCount: 0, maxCount: 128, of: { kind: 'record', name: 'member', summary: '', fields: memberFields } },
      { kind: 'bin', name: 'entries', summary: 'message and event frames as on a stream, each with its length', minBytes: 0, maxBytes: 63488 },
      { kind: 'bool', name: 'more', summary: 'whether entries that were asked for are left' },
    ],
  },
  {
    type: 29,
    name: 'cursor',
    from: 'client',
    lane: 'conversation',
    chapter: '07',
    summary: 'The client keeps every entry up to this one itself.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'seq', summary: 'position of the last entry kept', bits: 53, min: 0, max: 9007199254740991 },
    ],
  },
  {
    type: 32,
    name: 'send',
    from: 'client',
    lane: 'conversation',
    chapter: '07',
    summary: 'A message for a conversation.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'ref', summary: '1, 2, 3, ... in each conversation', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'kind', summary: 'how to read the body', bits: 8, min: 0, max: 255, registry: 'content_kinds' },
      { kind: 'bin', name: 'body', summary: 'the content', minBytes: 0, maxBytes: 61440 },
    ],
  },
  {
    type: 33,
    name: 'message',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'A message in the log; the same bytes for every member, the sender included.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'seq', summary: 'position in the log: 1, 2, 3, ...', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'time', summary: 'when the relay took it, milliseconds since 1970-01-01T00:00:00Z', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'sender', summary: 'the sender\'s alias', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'ref', summary: 'the sender\'s ref', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'kind', summary: 'how to read the body', bits: 8, min: 0, max: 255, registry: 'content_kinds' },
      { kind: 'bin', name: 'body', summary: 'the content', minBytes: 0, maxBytes: 61440 },
    ],
  },
  {
    type: 34,
    name: 'event',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'Something else in the log: who came, who went, what changed.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'seq', summary: 'position in the log', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'time', summary: 'when, milliseconds since 1970-01-01T00:00:00Z', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'uint', name: 'kind', summary: 'what happened', bits: 8, min: 0, max: 255, registry: 'events' },
      { kind: 'uint', name: 'actor', summary: 'alias of the member who did it, or 0 for the relay', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'subject', summary: 'alias of the member it happened to, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'the subject\'s name, or empty', minBytes: 0, maxBytes: 128 },
      { kind: 'bin', name: 'key', summary: 'the subject\'s identity key, or empty', minBytes: 0, maxBytes: 32 },
      { kind: 'uint', name: 'value', summary: 'depends on the kind', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'str', name: 'text', summary: 'depends on the kind', minBytes: 0, maxBytes: 512 },
    ],
  },
  {
    type: 35,
    name: 'gap',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'Entries that the client asked for or follows and that are there no longer.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'from', summary: 'sequence number of the first entry missing', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'to', summary: 'sequence number of the last entry missing', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'reason', summary: 'why', bits: 8, min: 0, max: 255, registry: 'gap_reasons' },
    ],
  },
  {
    type: 36,
    name: 'ack',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'The message was taken before.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'ref', summary: 'the ref of the message', bits: 53, min: 1, max: 9007199254740991 },
      { kind: 'uint', name: 'seq', summary: 'its position in the log, or 0 when the relay no longer knows it', bits: 53, min: 0, max: 9007199254740991 },
    ],
  },
  {
    type: 37,
    name: 'senders',
    from: 'relay',
    lane: 'conversation',
    chapter: '07',
    summary: 'Who stands behind aliases of the entries that follow; they need not be members any more.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'list', name: 'senders', summary: 'the senders', minCount: 0, maxCount: 128, of: { kind: 'record', name: 'member', summary: '', fields: memberFields } },
    ],
  },
  {
    type: 38,
    name: 'signal',
    from: 'client',
    lane: 'conversation',
    chapter: '20',
    summary: 'Tells the other members what is of use soon or never: who is typing, what was read.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'kind', summary: 'what it tells', bits: 8, min: 0, max: 255, registry: 'signal_kinds' },
      { kind: 'uint', name: 'value', summary: 'as the kind says', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'bin', name: 'body', summary: 'as the kind says, or empty', minBytes: 0, maxBytes: 64 },
    ],
  },
  {
    type: 39,
    name: 'signalled',
    from: 'relay',
    lane: 'conversation',
    chapter: '20',
    summary: 'A signal of another member.',
    fields: [
      { kind: 'uint', name: 'conversation', summary: 'the conversation', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'sender', summary: 'alias of the sender', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'kind', summary: 'the signal\'s kind', bits: 8, min: 0, max: 255, registry: 'signal_kinds' },
      { kind: 'uint', name: 'value', summary: 'the signal\'s value', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'bin', name: 'body', summary: 'the signal\'s body', minBytes: 0, maxBytes: 64 },
    ],
  },
  {
    type: 40,
    name: 'setTopic',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Sets a room\'s topic.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'topic', summary: 'the new topic, or empty', minBytes: 0, maxBytes: 512 },
    ],
  },
  {
    type: 41,
    name: 'kick',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Removes a member from a room, or with conversation 0 a session from the relay.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'who', minBytes: 1, maxBytes: 128 },
      { kind: 'str', name: 'reason', summary: 'why, for people', minBytes: 0, maxBytes: 512 },
    ],
  },
  {
    type: 42,
    name: 'ban',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Removes an identity and keeps it out, of a room or with conversation 0 of the relay.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'who', minBytes: 1, maxBytes: 128 },
      { kind: 'uint', name: 'seconds', summary: 'for how long; 0 without end', bits: 32, min: 0, max: 4294967295 },
      { kind: 'str', name: 'reason', summary: 'why, for people', minBytes: 0, maxBytes: 512 },
    ],
  },
  {
    type: 43,
    name: 'unban',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Lifts a ban.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'who', minBytes: 1, maxBytes: 128 },
    ],
  },
  {
    type: 44,
    name: 'setRole',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Makes a member operator of a room, or takes it back.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'name', summary: 'who', minBytes: 1, maxBytes: 128 },
      { kind: 'uint', name: 'role', summary: 'member or operator', bits: 8, min: 0, max: 255, registry: 'roles' },
    ],
  },
  {
    type: 45,
    name: 'setLimit',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Sets how many members a room, or with conversation 0 how many sessions the relay, may have.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room, or 0', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'limit', summary: 'the new limit', bits: 32, min: 1, max: 4294967295 },
    ],
  },
  {
    type: 46,
    name: 'lock',
    from: 'client',
    lane: 'conversation',
    chapter: '08',
    summary: 'Closes a room to newcomers, or opens it.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'uint', name: 'conversation', summary: 'the room', bits: 32, min: 1, max: 4294967295 },
      { kind: 'bool', name: 'locked', summary: 'closed or open' },
    ],
  },
  {
    type: 47,
    name: 'announce',
    from: 'client',
    lane: 'control',
    chapter: '08',
    summary: 'A relay operator\'s word to every session.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'str', name: 'text', summary: 'the text', minBytes: 1, maxBytes: 4096 },
    ],
  },
  {
    type: 48,
    name: 'notice',
    from: 'relay',
    lane: 'control',
    chapter: '08',
    summary: 'An announcement.',
    fields: [
      { kind: 'uint', name: 'time', summary: 'when, milliseconds since 1970-01-01T00:00:00Z', bits: 53, min: 0, max: 9007199254740991 },
      { kind: 'str', name: 'from', summary: 'the operator\'s name, or empty for the relay itself', minBytes: 0, maxBytes: 128 },
      { kind: 'str', name: 'text', summary: 'the text', minBytes: 0, maxBytes: 4096 },
    ],
  },
  {
    type: 49,
    name: 'publish',
    from: 'client',
    lane: 'control',
    chapter: '15',
    summary: 'Gives the relay what others need to begin a sealed conversation with this identity.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'bool', name: 'replaces', summary: 'whether what the relay keeps of the identity goes first' },
      { kind: 'bin', name: 'bundle', summary: 'the signed part of a stored bundle, or empty: as it is', minBytes: 0, maxBytes: 1024 },
      { kind: 'list', name: 'prekeys', summary: 'more one-time prekeys, numbers ascending', minCount: 0, maxCount: 100, of: { kind: 'record', name: 'prekey', summary: '', fields: prekeyFields } },
    ],
  },
  {
    type: 50,
    name: 'stock',
    from: 'relay',
    lane: 'control',
    chapter: '15',
    summary: 'How many one-time prekeys the relay keeps of the receiver.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the `publish` that it answers, or 0: few are left', bits: 32, min: 0, max: 4294967295 },
      { kind: 'uint', name: 'count', summary: 'one-time prekeys kept', bits: 32, min: 0, max: 4294967295 },
    ],
  },
  {
    type: 51,
    name: 'claim',
    from: 'client',
    lane: 'control',
    chapter: '15',
    summary: 'Asks for the bundle of an identity, with one of its one-time prekeys.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'number of the request', bits: 32, min: 1, max: 4294967295 },
      { kind: 'bin', name: 'key', summary: 'the identity key of the other one', minBytes: 32, maxBytes: 32 },
    ],
  },
  {
    type: 52,
    name: 'bundle',
    from: 'relay',
    lane: 'control',
    chapter: '15',
    summary: 'The bundle that was claimed.',
    fields: [
      { kind: 'uint', name: 'request', summary: 'the `claim` that it answers', bits: 32, min: 1, max: 4294967295 },
      { kind: 'bin', name: 'bundle', summary: 'as its owner published it', minBytes: 0, maxBytes: 1024 },
      { kind: 'list', name: 'prekeys', summary: 'a one-time prekey, if one was left', minCount: 0, maxCount: 1, of: { kind: 'record', name: 'prekey', summary: '', fields: prekeyFields } },
    ],
  },
]

/** What happens to unknown types. */
export const FRAME_RANGES: readonly RangeSpec[] = [
  { name: 'invalid', from: 0, to: 0, unknown: 'fault' },
  { name: 'protocol', from: 1, to: 63, unknown: 'close' },
  { name: 'extension', from: 64, to: 95, unknown: 'ignore' },
  { name: 'private', from: 96, to: 111, unknown: 'ignore' },
  { name: 'grease', from: 112, to: 127, unknown: 'ignore' },
]

/** The states of a relay's end of a session. */
export type RelayState = 'expect_hello' | 'expect_auth' | 'open' | 'closed'

/** What a relay does on each input in each state. */
export const RELAY_REACTIONS = {
  hello: { expect_hello: { do: 'accept', next: 'expect_auth' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  challenge: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  auth: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'accept', next: 'open' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  ready: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  error: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  close: { expect_hello: { do: 'accept', next: 'closed' }, expect_auth: { do: 'accept', next: 'closed' }, open: { do: 'accept', next: 'closed' }, closed: { do: 'ignore' } },
  ping: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  pong: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  ok: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  join: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  joined: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  leave: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  who: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  members: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  list: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  rooms: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  whois: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  identity: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  direct: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  send: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  message: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  event: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  setTopic: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  kick: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  ban: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  unban: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  setRole: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  setLimit: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  lock: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  announce: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  notice: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  publish: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  stock: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  claim: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  bundle: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  signal: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  signalled: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  unknown_close: { expect_hello: { do: 'close', code: 'unknown_frame' }, expect_auth: { do: 'close', code: 'unknown_frame' }, open: { do: 'close', code: 'unknown_frame' }, closed: { do: 'ignore' } },
  unknown_ignore: { expect_hello: { do: 'ignore' }, expect_auth: { do: 'ignore' }, open: { do: 'ignore' }, closed: { do: 'ignore' } },
  malformed: { expect_hello: { do: 'close', code: 'bad_frame' }, expect_auth: { do: 'close', code: 'bad_frame' }, open: { do: 'close', code: 'bad_frame' }, closed: { do: 'ignore' } },
  oversized: { expect_hello: { do: 'close', code: 'frame_too_large' }, expect_auth: { do: 'close', code: 'frame_too_large' }, open: { do: 'close', code: 'frame_too_large' }, closed: { do: 'ignore' } },
  silence: { expect_hello: { do: 'close', code: 'handshake_timeout' }, expect_auth: { do: 'close', code: 'handshake_timeout' }, open: { do: 'close', code: 'idle_timeout' }, closed: { do: 'ignore' } },
  link_end: { expect_hello: { do: 'accept', next: 'closed' }, expect_auth: { do: 'accept', next: 'closed' }, open: { do: 'accept', next: 'closed' }, closed: { do: 'ignore' } },
  follow: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  fetch: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  cursor: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  history: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  gap: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  ack: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  senders: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  resume: { expect_hello: { do: 'close', code: 'out_of_turn' }, expect_auth: { do: 'accept', next: 'open' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
} as const

/** The states of a client's end of a session. */
export type ClientState = 'expect_challenge' | 'expect_ready' | 'open' | 'closed'

/** What a client does on each input in each state. */
export const CLIENT_REACTIONS = {
  hello: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  challenge: { expect_challenge: { do: 'accept', next: 'expect_ready' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  auth: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  ready: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'accept', next: 'open' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  error: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  close: { expect_challenge: { do: 'accept', next: 'closed' }, expect_ready: { do: 'accept', next: 'closed' }, open: { do: 'accept', next: 'closed' }, closed: { do: 'ignore' } },
  ping: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  pong: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  ok: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  join: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  joined: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  leave: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  who: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  members: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  list: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  rooms: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  whois: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  identity: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  direct: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  send: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  message: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  event: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  setTopic: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  kick: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  ban: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  unban: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  setRole: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  setLimit: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  lock: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  announce: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  notice: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  publish: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  stock: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  claim: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  bundle: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  signal: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  signalled: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  unknown_close: { expect_challenge: { do: 'close', code: 'unknown_frame' }, expect_ready: { do: 'close', code: 'unknown_frame' }, open: { do: 'close', code: 'unknown_frame' }, closed: { do: 'ignore' } },
  unknown_ignore: { expect_challenge: { do: 'ignore' }, expect_ready: { do: 'ignore' }, open: { do: 'ignore' }, closed: { do: 'ignore' } },
  malformed: { expect_challenge: { do: 'close', code: 'bad_frame' }, expect_ready: { do: 'close', code: 'bad_frame' }, open: { do: 'close', code: 'bad_frame' }, closed: { do: 'ignore' } },
  oversized: { expect_challenge: { do: 'close', code: 'frame_too_large' }, expect_ready: { do: 'close', code: 'frame_too_large' }, open: { do: 'close', code: 'frame_too_large' }, closed: { do: 'ignore' } },
  silence: { expect_challenge: { do: 'close', code: 'handshake_timeout' }, expect_ready: { do: 'close', code: 'handshake_timeout' }, open: { do: 'close', code: 'idle_timeout' }, closed: { do: 'ignore' } },
  link_end: { expect_challenge: { do: 'accept', next: 'closed' }, expect_ready: { do: 'accept', next: 'closed' }, open: { do: 'accept', next: 'closed' }, closed: { do: 'ignore' } },
  follow: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  fetch: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  cursor: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
  history: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  gap: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  ack: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  senders: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'accept', next: 'open' }, closed: { do: 'ignore' } },
  resume: { expect_challenge: { do: 'close', code: 'out_of_turn' }, expect_ready: { do: 'close', code: 'out_of_turn' }, open: { do: 'close', code: 'out_of_turn' }, closed: { do: 'ignore' } },
} as const
