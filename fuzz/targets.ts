import type { Corpus } from './corpus.ts'
import { fuzzDeframer, fuzzFrame, fuzzName, fuzzScan, fuzzValue } from './targets-codec.ts'
import { fuzzDatagram, fuzzPayload } from './targets-datagram.ts'
import { fuzzAuth, fuzzClient, fuzzRelay } from './targets-session.ts'

/** Something that takes any bytes; an exception is a finding. */
export interface Target {
  readonly run: (bytes: Uint8Array) => void
  readonly corpus: keyof Corpus
}

export const TARGETS: Readonly<Record<string, Target>> = {
  frame: { run: fuzzFrame, corpus: 'frames' },
  scan: { run: fuzzScan, corpus: 'frames' },
  deframer: { run: fuzzDeframer, corpus: 'streams' },
  value: { run: fuzzValue, corpus: 'values' },
  name: { run: fuzzName, corpus: 'values' },
  relay: { run: fuzzRelay, corpus: 'streams' },
  client: { run: fuzzClient, corpus: 'streams' },
  auth: { run: fuzzAuth, corpus: 'values' },
  datagram: { run: fuzzDatagram, corpus: 'datagrams' },
  payload: { run: fuzzPayload, corpus: 'payloads' },
}
