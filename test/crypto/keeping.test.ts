/** What a client that does not run is asked and told about its pins, and what a backup brings back. */
import { expect, test } from 'vitest'
import { utf8Bytes } from '../../src/base/bytes.ts'
import { pinsOf, trustPinned, verifyPinned } from '../../src/crypto/client/kept-pins.ts'
import type { SealingOutput } from '../../src/crypto/client/outputs.ts'
import { restoredRecords } from '../../src/crypto/client/restoring.ts'
import { Sealing } from '../../src/crypto/client/sealing.ts'
import type { OwnIdentity } from '../../src/crypto/identity.ts'
import { applyChanges } from '../../src/crypto/journal.ts'
import { fingerprintOf, readFingerprint } from '../../src/crypto/trust/fingerprint.ts'
import { qrText } from '../../src/crypto/trust/qr.ts'
import { safetyNumber } from '../../src/crypto/trust/safety-number.ts'
import { newIdentity } from './people.ts'
import { provider, seededEntropy } from './providers.ts'

const p = provider('node', seededEntropy('keeping'))
const NOW = 1_800_000_000_000
const ALICE = { key: new Uint8Array(32).fill(1), name: 'alice', folded: 'alice' }
const BOB = { key: new Uint8Array(32).fill(2), name: 'bob', folded: 'bob' }

class Side {
  readonly records = new Map<string, Uint8Array>()
  readonly own: OwnIdentity
  readonly accountKey: Uint8Array
  sealing: Sealing

  constructor(accountKey: Uint8Array, own = newIdentity(p)) {
    this.own = own
    this.accountKey = accountKey
    this.sealing = this.started()
  }

  started(): Sealing {
    const { own, accountKey } = this
    const records = new Map(this.records)
    return new Sealing(p, { own, records, accountKey, relayKey: new Uint8Array(32), mode: 'require' })
  }

  restart(records: ReadonlyMap<string, Uint8Array>): void {
    this.records.clear()
    for (const [name, bytes] of records) this.records.set(name, bytes)
    this.sealing = this.started()
  }

  drain(): SealingOutput[] {
    const outputs: SealingOutput[] = []
    for (;;) {
      const save = this.sealing.takeSave()
      if (save) {
        applyChanges(this.records, save.changes)
        this.sealing.handleSaved(save.version)
      }
      const output = this.sealing.pollOutput()
      if (output) outputs.push(output)
      else if (!save) return outputs
    }
  }
}

/** alice, and what she was told of bob; `say` gives what leaves when she writes to him. */
function acquainted() {
  const [alice, bob] = [new Side(ALICE.key), new Side(BOB.key)]
  const say = (): SealingOutput[] => {
    alice.sealing.send(BOB, { tag: 1, kind: 0, body: utf8Bytes('hello') }, NOW)
    const outputs = alice.drain()
    if (!outputs.some((each) => each.kind === 'fetch_bundle')) return outputs
    bob.sealing.connected(NOW)
    const published = bob.drain().filter((each) => each.kind === 'publish')
    alice.sealing.handleBundle(BOB, published.at(-1)!.bundle, NOW)
    return [...outputs, ...alice.drain()]
  }
  say()
  return { alice, bob, say }
}

test('a fingerprint is read in groups, without them and in hexadecimal, and nothing else is one', () => {
  const { fid } = newIdentity(p)
  const shown = fingerprintOf(fid)
  for (const text of [
    shown,
    shown.toUpperCase(),
    shown.replaceAll('-', ' '),
    Buffer.from(fid).toString('hex'),
  ])
    expect(readFingerprint(text)).toEqual(fid)
  for (const text of ['', shown.slice(1), `${shown}a`, shown.replace(/^./u, '1')])
    expect(readFingerprint(text)).toBeUndefined()
})

test('what both compare is taken from whoever shows the right thing, and from nobody else', () => {
  const { alice, bob } = acquainted()
  const { own, records } = alice
  const number = safetyNumber(p, own.id, bob.own.id)
  const stranger = newIdentity(p)
  for (const [shown, sureness] of [
    [number, 'number'],
    [qrText(bob.own.fid, own.fid), 'qr'],
  ] as const)
    expect(verifyPinned(p, records, 'bob', { own, shown })?.pin.sureness).toBe(sureness)
  for (const shown of ['', qrText(own.fid, bob.own.fid), safetyNumber(p, own.id, stranger.id)])
    expect(verifyPinned(p, records, 'bob', { own, shown })).toBeUndefined()
  expect(verifyPinned(p, records, 'carol', { own, shown: number })).toBeUndefined()
})

test('a changed key is taken between two sessions too, and its old sessions go', () => {
  const { alice } = acquainted()
  const bobAnew = new Side(BOB.key)
  alice.sealing.trust(BOB, pinsOf(alice.records).get('bob')!.fid, NOW)
  bobAnew.sealing.connected(NOW)
  const bundle = bobAnew
    .drain()
    .filter((each) => each.kind === 'publish')
    .at(-1)!.bundle
  alice.sealing.handleBundle(BOB, bundle, NOW)
  expect(alice.drain()).toContainEqual(expect.objectContaining({ kind: 'key_changed', wasVerified: true }))
  expect(trustPinned(p, alice.records, 'bob', undefined)).toBeUndefined()
  const decided = trustPinned(p, alice.records, 'bob', bobAnew.own.fid)
  expect(decided?.pin).toMatchObject({ sureness: 'fingerprint', claim: undefined, fid: bobAnew.own.fid })
  applyChanges(alice.records, decided!.changes)
  expect([...alice.records.keys()].filter((name) => name.startsWith('direct/bob/'))).toEqual([])
  expect(pinsOf(alice.records).get('bob')?.isSealed).toBe(true)
})

test('a claim outlives a restart: its user can decide after it', () => {
  const { alice } = acquainted()
  const bobAnew = new Side(BOB.key)
  bobAnew.sealing.connected(NOW)
  const bundle = bobAnew
    .drain()
    .filter((each) => each.kind === 'publish')
    .at(-1)!.bundle
  alice.sealing.handleBundle(BOB, bundle, NOW)
  alice.drain()
  alice.restart(new Map(alice.records))
  expect(alice.sealing.trust(BOB, undefined, NOW)).toBe(true)
  expect(alice.sealing.pinOf(BOB)).toMatchObject({ fid: bobAnew.own.fid, claim: undefined })
})

test('what comes back from a backup seals nothing in an old session, also after a second start', () => {
  const { alice, say } = acquainted()
  expect(say().map(({ kind }) => kind)).toEqual(['send'])
  const backup = restoredRecords(alice.records)
  expect([...backup.keys()].some((name) => name.startsWith('direct/bob/'))).toBe(true)
  expect([...backup.keys()].filter((name) => name.startsWith('prekeys/'))).toEqual([])
  say()
  for (let i = 0; i < 2; i++) {
    alice.restart(backup)
    alice.sealing.send(BOB, { tag: 1, kind: 0, body: utf8Bytes('hello') }, NOW)
    expect(alice.drain().map(({ kind }) => kind)).toEqual(['fetch_bundle'])
  }
})
