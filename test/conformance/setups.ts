/** The configurations of a relay under test (spec chapter 19), as options of this relay. */

import type { Setup } from '../../src/conformance/case.ts'
import type { RelayOptions } from '../../src/protocol/index.ts'

type Options = Pick<RelayOptions, 'limits' | 'admission'>

/** Rates that no case reaches, and patience with those who do not read. */
const UNHURRIED = {
  stallMs: 600_000,
  sendsPerSecond: 1e9,
  sendsBurst: 1e9,
  sendBytesPerSecond: 1e9,
  sendBytesBurst: 1e9,
  requestsPerSecond: 1e9,
  requestsBurst: 1e9,
  joinsPerSecond: 1e9,
  joinsBurst: 1e9,
  linksPerSecond: 1e9,
  linksBurst: 1e9,
  signalsPerSecond: 1e9,
  signalsBurst: 1e9,
}

/** What each configuration asks for. */
export const SETUPS: Readonly<Record<Setup, Options>> = {
  // A close waits for what is kept before it, which a busy disk may take seconds for.
  standard: { limits: { ...UNHURRIED, lingerMs: 20_000 } },
  small: {
    limits: {
      ...UNHURRIED,
      frameBytes: 4096,
      bodyBytes: 1024,
      sessions: 6,
      rooms: 4,
      roomsPerSession: 2,
      directsPerSession: 1,
      membersPerRoom: 3,
      namesPerKey: 2,
      bansPerRoom: 2,
      handshakes: 4,
      outboundBytes: 65536,
      mailboxMessages: 2,
      mailboxBytes: 900,
    },
  },
  token: { limits: { ...UNHURRIED, lingerMs: 60_000 }, admission: { token: 'palaver-conformance' } },
  crowded: {
    limits: {
      ...UNHURRIED,
      handshakesPerAddress: 3,
      linksPerAddress: 5,
      refusalsPerMinute: 3,
      refusalsBurst: 3,
      outboundBytes: 600_000,
      outboundTotalBytes: 450_000,
      detachedMs: 1500,
    },
  },
  full: { limits: { ...UNHURRIED, names: 3 } },
  rates: {
    limits: {
      ...UNHURRIED,
      sendsPerSecond: 20,
      sendsBurst: 12,
      sendBytesPerSecond: 4000,
      sendBytesBurst: 8000,
      requestsPerSecond: 20,
      requestsBurst: 12,
      joinsPerSecond: 4,
      joinsBurst: 4,
      signalsPerSecond: 1,
      signalsBurst: 3,
      rateExcessMs: 3000,
    },
  },
  links: { limits: { ...UNHURRIED, linksPerSecond: 1, linksBurst: 3, logBytes: 16_384 } },
  slow: { limits: { ...UNHURRIED, stallMs: 1500, detachedMs: 1500 } },
  kept: { limits: { ...UNHURRIED, retentionBytes: 8192, logBytes: 262_144 } },
  quick: {
    limits: {
      ...UNHURRIED,
      handshakeMs: 2500,
      idleMs: 3750,
      lingerMs: 300,
      detachedMs: 1500,
      resumeMs: 2000,
    },
  },
}
