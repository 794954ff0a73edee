/**
 * What end-to-end encryption costs, in microseconds of CPU time, on both providers and beside Olm, Megolm
 * and libsignal where `npm ci --prefix bench/peers-crypto` installed them: sealing and opening 64 bytes one
 * way, the same when every message ratchets, the start of a session on both sides, a message in a room, a
 * new epoch for a room of 100, the bytes on the wire and the memory of a session. Rounds of all contestants
 * alternate; shown are the minimum and the median of the rounds. The floor of a row is what its calls of
 * primitives cost alone.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createStoredBundle, readStoredBundle } from '../src/crypto/bundle.ts'
import { SealedDirect } from '../src/crypto/direct/direct.ts'
import { OwnPrekeys } from '../src/crypto/direct/prekeys.ts'
import { createIdentity, type OwnIdentity } from '../src/crypto/identity.ts'
import type { Primitives } from '../src/crypto/primitives.ts'
import { createPortablePrimitives } from '../src/crypto/provider-portable.ts'
import { initiatorRatchet, openMessage, responderRatchet, sealMessage } from '../src/crypto/ratchet.ts'
import { decodeRatchet, encodeRatchet, type RatchetState } from '../src/crypto/ratchet-state.ts'
import { createKeyPackage, readKeyPackage } from '../src/crypto/room/key-package.ts'
import { SealedRoom } from '../src/crypto/room/room.ts'
import { readWelcome } from '../src/crypto/room/welcome.ts'
import { acceptSession, initiateSession, readPrekeyMessage } from '../src/crypto/session-start.ts'
import { systemEntropy } from '../src/node/primitives.ts'
import { createNodePrimitives } from '../src/node/provider-node.ts'
import { recorderOf } from './crypto-floor.ts'

const ROUNDS = 7
const TEXT = new Uint8Array(64)
const SESSIONS = 2000
const PEERS = join(import.meta.dirname, 'peers-crypto')

/** How often each row is repeated in one round. */
const COUNTS: Readonly<Record<string, number>> = {
  'seal + open, one way': 2000,
  'every message ratchets': 300,
  'session start, both sides': 100,
  'room seal': 300,
  'room open': 300,
  'rekey of 100, committer': 30,
}

/** Somebody who does the work of the rows that it knows. */
interface Contestant {
  readonly name: string
  readonly slowness?: number
  readonly rows: Readonly<Record<string, () => unknown>>
}

/** One side after the other: alice seals, bob opens. */
interface Pair {
  alice: RatchetState
  bob: RatchetState
}

function taken<T>(value: T | string): Exclude<T, string> {
  if (typeof value === 'string') throw new Error(value)
  return value as Exclude<T, string>
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('refused')
  return value
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

/** A room of `count`, seen by its admin and by one other member. */
function roomOf(p: Primitives, count: number): { admin: SealedRoom; member: SealedRoom } {
  const people = Array.from({ length: count }, () => newIdentity(p))
  const packages = people.map((own) => createKeyPackage(p, own, 1))
  const [own, other] = people as [OwnIdentity, OwnIdentity]
  const admin = SealedRoom.create(p, own, { name: '#room', ownPackage: there(packages[0]), nowMs: 0 })
  let welcome: Uint8Array | undefined
  for (let from = 1; from < count; from += 64) {
    const added = packages.slice(from, from + 64).map((each) => there(readKeyPackage(p, each.bytes)))
    const commit = there(admin.commit({ kind: 'add', packages: added }, welcome ? [other.fid] : []))
    const result = admin.handle(commit.body, 0)
    if (result.result !== 'changed') throw new Error(result.result)
    welcome = there(result.welcomes.at(-1)).bytes
  }
  const read = there(readWelcome(p, there(welcome), own.fid))
  const member = there(SealedRoom.join(p, other, { welcome: read, ownPackage: there(packages[1]), nowMs: 0 }))
  return { admin, member }
}

/** All that the committer of a new epoch computes: operation, own keys, a secret sealed for each of 99. */
function rekeying(p: Primitives): () => void {
  const { admin } = roomOf(p, 100)
  const pair = startOf(p)()
  return () => {
    const commit = there(admin.commit({ kind: 'rekey' }))
    for (const { bytes } of commit.secrets) pair.alice = sealMessage(p, pair.alice, bytes).next
    admin.handle(commit.body, 0)
    admin.takeChanges()
  }
}

function ours(name: string, p: Primitives, slowness: number): Contestant {
  const start = startOf(p)
  const [straight, turning] = [start(), start()]
  const { admin, member } = roomOf(p, 2)
  const sealed: Uint8Array[] = []
  return {
    name,
    slowness,
    rows: {
      'seal + open, one way': () => oneWay(p, straight),
      'every message ratchets': () => ratcheting(p, turning),
      'session start, both sides': start,
      'room seal': () => {
        sealed.push(admin.seal(TEXT))
        admin.takeChanges()
      },
      'room open': () => {
        member.handle(there(sealed.shift()), 0)
        member.takeChanges()
      },
      'rekey of 100, committer': rekeying(p),
    },
  }
}

/** The rows of a provider without anything but its primitives. */
function floorOf(name: string, p: Primitives, slowness: number): Contestant {
  const { primitives, record } = recorderOf(p)
  const { rows } = ours(name, primitives, slowness)
  const floors = Object.entries(rows).map(([what, run]) => {
    const calls = record(run)
    return [
      what,
      () => {
        for (const call of calls) call()
      },
    ]
  })
  return { name, slowness, rows: Object.fromEntries(floors) }
}

/** Those of `bench/peers-crypto` that are installed. */
async function peers(): Promise<Contestant[]> {
  if (!existsSync(join(PEERS, 'node_modules'))) {
    console.log('Olm and libsignal are not installed: npm ci --prefix bench/peers-crypto')
    return []
  }
  const load = async (file: string): Promise<Contestant> =>
    (await import(pathToFileURL(join(PEERS, file)).href)).contestant()
  return [await load('olm.mjs'), await load('libsignal.mjs')]
}

/** Of this process, so that what else runs on the machine counts little. */
async function microseconds(count: number, run: () => unknown): Promise<number> {
  const from = process.cpuUsage()
  for (let i = 0; i < count; i++) {
    const result = run()
    if (result instanceof Promise) await result
  }
  const { user, system } = process.cpuUsage(from)
  return (user + system) / count
}

function showSizes(p: Primitives): void {
  const { alice } = startOf(p)()
  const { admin } = roomOf(p, 2)
  const own = newIdentity(p)
  const prekeys = new OwnPrekeys(p, own)
  prekeys.rotate(0)
  const direct = new SealedDirect(p, own, { prekeys, context: new Uint8Array(16) })
  const bundle = prekeys.bundle()
  const other = newIdentity(p)
  const theirs = createStoredBundle(p, other, { signedPrekey: { id: 1, key: p.dhKeygen() }, expiresMs: 9 })
  direct.start(taken(readStoredBundle(p, theirs, 0)), 0)
  const inner = { kind: 0, id: new Uint8Array(16), body: TEXT }
  const bytes = {
    'ratchet message of 64 bytes': sealMessage(p, alice, TEXT).message.length,
    'first message of a conversation': direct.seal(inner, 0).length,
    'room message of 64 bytes': admin.seal(TEXT).length,
    bundle: bundle?.length,
    'session, kept': encodeRatchet(alice).length,
  }
  console.log(
    '\nbytes:',
    Object.entries(bytes)
      .map(([what, count]) => `${what} ${count}`)
      .join(', '),
  )
  console.log('memory of a session:', sessionMemory(p, alice), 'bytes')
}

/** What a session that sent and was answered takes on and off the heap, its native keys left out. */
function sessionMemory(p: Primitives, session: RatchetState): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const bytes = encodeRatchet(session)
  const kept: unknown[] = []
  const before = used()
  for (let i = 0; i < SESSIONS; i++) kept.push(decodeRatchet(p, bytes))
  return Math.round((used() - before) / kept.length)
}

const node = createNodePrimitives()
const contestants: Contestant[] = [
  ours('node', node, 1),
  floorOf('floor of node', node, 1),
  ours('portable', createPortablePrimitives(systemEntropy), 20),
  ...(await peers()),
]
const results = new Map<string, number[]>()
for (let round = 0; round <= ROUNDS; round++) {
  for (const { name, slowness = 1, rows } of contestants) {
    for (const [what, run] of Object.entries(rows)) {
      const count = Math.ceil((COUNTS[what] ?? 1) / slowness)
      const figure = await microseconds(count, run)
      // The first round warms up.
      if (round > 0) results.set(`${what}|${name}`, [...(results.get(`${what}|${name}`) ?? []), figure])
    }
  }
}
for (const what of Object.keys(COUNTS)) {
  for (const { name } of contestants) {
    const figures = results.get(`${what}|${name}`)?.sort((a, b) => a - b)
    if (!figures) continue
    const [least, median] = [figures[0] as number, figures[ROUNDS >> 1] as number]
    const label = `${what}, ${name}`.padEnd(42)
    console.log(`${label} min ${least.toFixed(0).padStart(6)}  median ${median.toFixed(0).padStart(6)}`)
  }
}
showSizes(node)
