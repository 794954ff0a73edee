/** The configurations of a relay under test (spec chapter 19), as options of this relay. */

import type { Setup } from '../../src/conformance/case.ts'
import type { RelayOptions } from '../../src/protocol/index.ts'

type Options = Pick<RelayOptions, 'limits' | 'admission'>

/** What each configuration asks for. */
export const SETUPS: Readonly<Record<Setup, Options>> = {
  standard: {},
  small: {
    limits: {
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
    },
  },
  token: { admission: { token: 'palaver-conformance' } },
  crowded: { limits: { handshakesPerAddress: 3, linksPerAddress: 5 } },
  full: { limits: { names: 3 } },
  quick: { limits: { handshakeMs: 2500, idleMs: 3750, lingerMs: 300 } },
}
