/**
 * What end-to-end encryption costs on both providers, in microseconds: sealing and opening 64 bytes one way,
 * the same when every message ratchets, and the start of a session on both sides with its first message.
 * Rounds of the providers alternate; the minimum and the median of the rounds are shown.
 */
import { createStoredBundle, readStoredBundle } from '../src/crypto/bundle.ts'
import { createIdentity, type OwnIdentity } from '../src/crypto/identity.ts'
import type { Primitives } from '../src/crypto/primitives.ts'
import { createPortablePrimitives } from '../src/crypto/provider-portable.ts'
import { initiatorRatchet, openMessage, responderRatchet, sealMessage } from '../src/crypto/ratchet.ts'
import type { RatchetState } from '../src/crypto/ratchet-state.ts'
import { acceptSession, initiateSession, readPrekeyMessage } from '../src/crypto/session-start.ts'
import { systemEntropy } from '../src/node/primitives.ts'
import { createNodePrimitives } from '../src/node/provider-node.ts'

const ROUNDS = 7
const TEXT = new Uint8Array(64)

/** One side after the other: alice seals, bob opens. */
interface Pair {
  alice: RatchetState
  bob: RatchetState
}

function taken<T>(value: T | string): Exclude<T, string> {
  if (typeof value === 'string') throw new Error(value)
  return value as Exclude<T, string>
}

function newIdentity(p: Primitives): OwnIdentity {
  return createIdentity(p, { signing: p.signingKeygen(), dh: p.dhKeygen() })
}

/** From a bundle's bytes to a first message opened: all that both sides compute. */
function startOf(p: Primitives): () => Pair {
  const [alice, bob] = [newIdentity(p), newIdentity(p)]
  const keys = {
    own: bob,
    signedPrekey: { id: 1, key: p.dhKeygen() },
    oneTimePrekey: { id: 2, key: p.dhKeygen() },
  }
  const bundle = createStoredBundle(p, bob, { ...keys, expiresMs: 1 })
  return () => {
    const started = taken(initiateSession(p, alice, taken(readStoredBundle(p, bundle, 0))))
    const sealed = sealMessage(p, initiatorRatchet(started.secrets, started.peerPrekey), TEXT)
    const bytes = new Uint8Array(started.preamble.length + sealed.message.length)
    bytes.set(started.preamble)
    bytes.set(sealed.message, started.preamble.length)
    const message = taken(readPrekeyMessage(p, bytes))
    const accepted = taken(acceptSession(p, keys, message))
    const first = responderRatchet(accepted, keys.signedPrekey.key)
    return { alice: sealed.next, bob: opened(p, first, message.ratchetMessage) }
  }
}

function opened(p: Primitives, state: RatchetState, message: Uint8Array): RatchetState {
  const result = openMessage(p, state, message, 0)
  if (result.result !== 'ok') throw new Error(result.result)
  return result.next
}

function oneWay(p: Primitives, pair: Pair): void {
  const sealed = sealMessage(p, pair.alice, TEXT)
  pair.alice = sealed.next
  pair.bob = opened(p, pair.bob, sealed.message)
}

/** The sides swap, so that each message answers the one before. */
function ratcheting(p: Primitives, pair: Pair): void {
  const sealed = sealMessage(p, pair.bob, TEXT)
  pair.bob = opened(p, pair.alice, sealed.message)
  pair.alice = sealed.next
}

function microseconds(count: number, run: () => void): number {
  const from = process.hrtime.bigint()
  for (let i = 0; i < count; i++) run()
  return Number(process.hrtime.bigint() - from) / 1000 / count
}

const providers = [
  { name: 'node', p: createNodePrimitives(), slowness: 1 },
  { name: 'portable', p: createPortablePrimitives(systemEntropy), slowness: 10 },
]
const results = new Map<string, number[]>()
for (let round = 0; round <= ROUNDS; round++) {
  for (const { name, p, slowness } of providers) {
    const start = startOf(p)
    const pair = start()
    const figures = {
      'seal + open, one way': microseconds(4000, () => oneWay(p, pair)),
      'every message ratchets': microseconds(800 / slowness, () => ratcheting(p, pair)),
      'session start, both sides': microseconds(200 / slowness, start),
    }
    // The first round warms up.
    if (round === 0) continue
    for (const [what, figure] of Object.entries(figures)) {
      const key = `${what}, ${name}`
      results.set(key, [...(results.get(key) ?? []), figure])
    }
  }
}
for (const [what, figures] of results) {
  figures.sort((a, b) => a - b)
  const [least, median] = [figures[0] as number, figures[ROUNDS >> 1] as number]
  console.log(
    `${what.padEnd(40)} min ${least.toFixed(0).padStart(6)}  median ${median.toFixed(0).padStart(6)}`,
  )
}
