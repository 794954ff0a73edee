// Generated from spec/registry/datagram.json. Do not edit.

/** Version of the datagram binding. */
export const DATAGRAM_VERSION = 1 as const

/** First byte of each packet. */
export const PACKET = {
  /** Sealed frames, either way. */
  data: 0x40,
  /** Client's first message: Noise message 1, padded to at least 1200 bytes. */
  initial: 0xc0,
  /** Relay's token for an address that has not returned one. */
  retry: 0xc1,
  /** Relay's answer: Noise message 2. */
  accept: 0xc2,
  /** Relay's refusal, with the versions it speaks. */
  refuse: 0xc3,
  /** Relay's answer to a DATA packet of a connection it does not know. */
  reset: 0xc4,
} as const

/** Frame types; the reserved ones are an error to receive. */
export const FRAME = {
  /** Nothing; makes a packet longer. */
  padding: 0x00,
  /** Asks for an acknowledgement. */
  ping: 0x01,
  /** Packet numbers received. */
  ack: 0x02,
  /** Ends the connection. */
  close: 0x03,
  /** Bytes the peer may have sent over all lanes, since the start. */
  credit: 0x04,
  /** Bytes the peer may have sent on one lane, since the start. */
  laneCredit: 0x05,
  /** Asks an address whether the peer is there. */
  pathChallenge: 0x06,
  /** Answers it with the same bytes. */
  pathResponse: 0x07,
  /** A further connection id. */
  newCid: 0x08,
  /** A connection id no longer used. */
  retireCid: 0x09,
  /** A token for a later INITIAL. */
  token: 0x0a,
  /** Bytes of a lane. */
  laneSized: 0x10,
  /** Bytes of a lane, to the end of the packet. */
  laneRest: 0x11,
  /** Unreliable, unordered bytes. */
  datagram: 0x12,
} as const

/** Handshake parameter types. */
export const PARAMETER = {
  /** End of the parameters; the rest is zeros. */
  end: 0x00,
  /** Reserved for another number of lanes. */
  lanes: 0x01,
  /** First connection credit, in bytes. */
  credit: 0x02,
  /** First credit of each lane, in bytes. */
  laneCredit: 0x03,
  /** Longest delay of an acknowledgement, in milliseconds. */
  maxAckDelay: 0x04,
  /** Longest datagram taken, in bytes. */
  maxDatagram: 0x05,
  /** Silence after which the sender forgets the connection, in seconds. */
  idleTimeout: 0x06,
  /** The token a later RESET of this connection carries. */
  resetToken: 0x07,
  /** The client's address as the relay sees it: IP (4 or 16), port (2). */
  observedAddress: 0x08,
  /** The scid of the ACCEPT, authenticated. */
  connectionId: 0x09,
  /** Feature bits; none is defined. Bit 0 is reserved for header protection. */
  features: 0x0a,
} as const

/** Sizes, counts and rates. */
export const LIMIT = {
  /** Largest datagram sent on a path of which no more is known. */
  datagramBytes: 1200,
  /** Smallest INITIAL that is answered. */
  initialBytesMin: 1200,
  /** Largest datagram taken. */
  datagramBytesMax: 1452,
  /** First size asked for in a search for the path MTU. */
  mtuLowBytes: 1280,
  /** Second size; the third is datagram_bytes_max. */
  mtuMiddleBytes: 1400,
  /** MTU probes of one size in a search. */
  mtuTriesMax: 3,
  /** Long packets lost one after the other that give a black hole away. */
  blackHolePackets: 3,
  /** Smallest DATA packet that is answered with RESET; smallest ack-eliciting packet sent. */
  resettableBytesMin: 43,
  /** Header and tag of a DATA packet. */
  dataOverheadBytes: 29,
  /** Longest token in INITIAL or RETRY. */
  tokenBytesMax: 64,
  /** Most versions named in REFUSE. */
  refuseVersionsMax: 7,
  /** Longest reason in CLOSE. */
  closeReasonBytesMax: 128,
  /** Largest varint and largest packet number (2^53 - 1). */
  numberMax: 9007199254740991,
  /** Lanes of a connection. */
  lanes: 64,
  /** Lanes that conversations share. */
  conversationLanes: 62,
  /** Connection credit offered. */
  connectionCreditBytes: 1048576,
  /** Credit offered for each lane. */
  laneCreditBytes: 262144,
  /** Largest first credit that is honoured. */
  creditBytesMax: 4194304,
  /** Separate out-of-order pieces held for a lane. */
  laneGapsMax: 256,
  /** Ranges of received packet numbers remembered. */
  ackRangesKeptMax: 64,
  /** Ranges sent in an ACK. */
  ackRangesSentMax: 32,
  /** Gap and length pairs accepted in an ACK. */
  ackPairsMax: 32,
  /** Ack-eliciting packets after which an ACK is sent at once. */
  ackEveryPackets: 2,
  /** ACK-only packets after which one carries a PING. */
  ackOnlyRunMax: 16,
  /** Unit of the delay in an ACK. */
  ackDelayUnitUs: 8,
  /** Packets acknowledged beyond one that is then lost. */
  packetThreshold: 3,
  /** Packets sent when the probe timeout fires. */
  probePackets: 2,
  /** Packets after a loss among which copies are sent. */
  copyPackets: 1024,
  /** Longest piece of a lane that is copied. */
  copyBytesMax: 400,
  /** Copies of a piece, beside the first. */
  copiesMax: 2,
  /** Pieces of which copies wait to be sent. */
  copyPiecesMax: 32,
  /** PATH_RESPONSE frames waiting to leave. */
  pathAnswersMax: 4,
  /** Connection ids of one side in force, the one in use included. */
  cidsMax: 5,
  /** First congestion window. */
  initialWindowPackets: 10,
  /** Smallest window after an ordinary loss. */
  lossWindowPacketsMin: 4,
  /** Window in persistent congestion. */
  minimumWindowPackets: 2,
  /** RTT samples of a round after which slow start looks at them. */
  roundSamplesMin: 8,
  /** Part of the RTT by which it rises, at least and at most the two times below, when slow start is slowed. */
  rttRiseDivisor: 8,
  /** Rounds of slower growth after which slow start ends. */
  slowGrowthRounds: 5,
  /** Smallest RTTs in each of the two stretches whose largest delivery rate counts. */
  rateRounds: 5,
  /** RTT samples whose smallest tells whether a queue stands. */
  rttRecentSamples: 8,
  /** Part of the smallest RTT by which the recent ones exceed it when a queue stands, and at least granularity_ms. */
  queueDivisor: 16,
  /** Packets lost in a round of slow start from which the part below counts. */
  chanceLossesMin: 4,
  /** Largest congestion window. */
  windowBytesMax: 16777216,
  /** Packets sent back to back. */
  pacingBurstPackets: 10,
  /** Fewest packets between two skipped packet numbers. */
  skipPacketsMin: 64,
  /** Most packets between two skipped packet numbers. */
  skipPacketsMax: 1024,
  /** Longest content of DATAGRAM that is sent. */
  datagramFrameBytesMax: 1100,
  /** DATAGRAM frames waiting to leave. */
  datagramsQueuedMax: 32,
  /** Packets sealed under one key. */
  keyUpdatePackets: 1048576,
  /** Unsent and unacknowledged bytes of a connection. */
  queuedBytesMax: 4194304,
  /** High-water mark of the same: the writer is told to wait. */
  queuedBytesHigh: 1048576,
  /** Low-water mark of the same: the writer is told to go on. */
  queuedBytesLow: 786432,
  /** Written pieces queued in a connection. */
  queuedPiecesMax: 65536,
  /** High-water mark of the same. */
  queuedPiecesHigh: 16384,
  /** Packets received for each CLOSE repeated while draining. */
  closeAnswerPackets: 8,
  /** ACCEPTs sent for one INITIAL, the first included. */
  acceptRepeatsMax: 4,
  /** RETRY and REFUSE packets sent. */
  retriesPerSecond: 10000,
  /** Handshakes accepted. */
  acceptsPerSecond: 1000,
  /** RESET packets sent. */
  resetsPerSecond: 100,
  /** Addresses whose last RESET is remembered. */
  resetAddressesMax: 1024,
  /** Connections from one IPv4 address or IPv6 /56. */
  connectionsPerPrefix: 64,
  /** The same, for a client with a token of an earlier connection. */
  connectionsPerPrefixKnown: 1024,
  /** Tokens of TOKEN remembered as used. */
  returnTokensSpentMax: 65536,
  /** Connections of an endpoint. */
  connectionsMax: 65536,
  /** RETRY, REFUSE, RESET and ACCEPT packets waiting to leave. */
  repliesQueuedMax: 1024,
  /** Traced events waiting to be read. */
  traceEventsMax: 16384,
} as const

/** Durations in milliseconds. */
export const TIMER = {
  /** First wait before an INITIAL is repeated; doubles, +-10 %. */
  initialRepeatMs: 300,
  /** A handshake that has not ended by then has failed. */
  handshakeTimeoutMs: 5000,
  /** Validity of a retry token; the relay remembers e as long. */
  tokenLifetimeMs: 10000,
  /** Age at which the token secret is replaced; the one before it stays valid. */
  tokenSecretMs: 60000,
  /** Longest wait before an ACK. */
  maxAckDelayMs: 10,
  /** RTT before the first sample. */
  initialRttMs: 300,
  /** Timer granularity. */
  granularityMs: 1,
  /** Least rise of the RTT that slows slow start. */
  rttRiseMinMs: 4,
  /** Largest rise of the RTT that is waited for. */
  rttRiseMaxMs: 16,
  /** Wait before a copy leaves alone. */
  copyDelayMs: 5,
  /** While data waits the probe timeout is at most the larger of this and 4 PTO. */
  probeCapMinMs: 250,
  /** Silence after which a connection is forgotten. */
  idleTimeoutMs: 60000,
  /** Silence after which the client sends PING. */
  keepaliveMs: 20000,
  /** Longest wait for a further acknowledgement before CLOSE is sent. */
  closeLingerMs: 1000,
  /** Time between two addresses asked by PATH_CHALLENGE. */
  pathCheckIntervalMs: 1000,
  /** Shortest time in which an address may answer PATH_CHALLENGE. */
  pathCheckMinMs: 1000,
  /** Shortest time in which DATAGRAM may leave. */
  datagramLifeMinMs: 100,
  /** Time from the end of one search for the path MTU to the next. */
  mtuSearchMs: 600000,
  /** Validity of a token of TOKEN. */
  returnTokenLifetimeMs: 86400000,
  /** Silence after which a connection gives way to another of its neighbourhood. */
  ghostMs: 30000,
  /** Time between two searches for such a connection. */
  ghostCheckMs: 1000,
  /** Time between two RESETs to one address. */
  resetIntervalMs: 1000,
} as const

/** Factors. */
export const RATIO = {
  /** Times the RTT after which an overtaken packet is lost. */
  timeThreshold: 1.125,
  /** Times the PTO that a run of losses spans in persistent congestion. */
  persistentCongestion: 3,
  /** C of CUBIC, in packets per cubic second. */
  cubicC: 0.4,
  /** Times the window that CUBIC keeps after a loss. */
  cubicBeta: 0.7,
  /** Times the acknowledged bytes by which the window grows once slow start is slowed. */
  slowGrowth: 0.25,
  /** Part of a round of slow start that may be lost by chance. */
  chanceLoss: 0.15,
  /** Times window / RTT at which packets leave. */
  pacingGain: 1.25,
  /** Average loss from which a piece is copied more than once. */
  copyTwiceLoss: 0.03,
  /** Times the PTO in the cap above. */
  probeCap: 4,
  /** Times the PTO in which an address answers PATH_CHALLENGE. */
  pathCheck: 3,
  /** Times the bytes from an unanswered address that are sent to it. */
  amplification: 3,
  /** Times the PTO that a closed connection is remembered. */
  draining: 3,
} as const

/** Close codes of the datagram binding. */
export const CLOSE = {
  /** Done. */
  none: 0,
  /** The sender cannot go on. */
  internal: 1,
  /** A frame is malformed. */
  frameEncoding: 2,
  /** A frame type is not defined. */
  unknownFrame: 3,
  /** Bytes beyond the credit. */
  flowControl: 4,
  /** An ACK names a packet that was not sent. */
  falseAck: 5,
  /** The last packet number was used. */
  numbersUsedUp: 6,
  /** Keys were changed again too soon. */
  keyUpdate: 7,
  /** Nothing was heard for the idle timeout. */
  idle: 32,
  /** The handshake did not end in time. */
  handshakeTimeout: 33,
  /** The peer has forgotten the connection (RESET). */
  reset: 34,
  /** The relay speaks none of our versions (REFUSE 1). */
  refusedVersion: 35,
  /** The relay takes no more connections (REFUSE 2). */
  refusedFull: 36,
  /** The answer authenticates but is not acceptable. */
  handshakeFailed: 37,
} as const

/** Codes in REFUSE. */
export const REFUSE = {
  /** The version of the INITIAL is not spoken here. */
  version: 1,
  /** No more connections are taken from this address or at all. */
  full: 2,
} as const
