import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OwnCids, PeerCids } from '../../src/reliable/connection-ids.ts'
import { CLOSE, LIMIT } from '../../src/reliable/index.ts'
import { SentPacket } from '../../src/reliable/recovery.ts'
import { bytesOf, lane, RawPeer, varint } from './raw-peer.ts'
import { at, drain, newRelay } from './world.ts'

const NEW_CID = 8
const RETIRE_CID = 9
const MAX = LIMIT.cidsMax
const TOKEN = new Uint8Array(16).fill(0x70)

const cidOf = (n: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, n >> 8, n)
const newCid = (sequence: number, cid: Uint8Array): Uint8Array =>
  bytesOf(NEW_CID, varint(sequence), cid, TOKEN)

/** Ids of ours and the table that finds them. */
function own() {
  const table = new Set<string>(['0,0,0,0,0,0,1,0'])
  let next = 1000
  const cids = new OwnCids(
    {
      giveCid() {
        const cid = cidOf(next++)
        table.add(cid.join())
        return { cid, token: TOKEN }
      },
      dropCid: (cid) => void table.delete(cid.join()),
    },
    cidOf(256),
  )
  /** The sequences that a packet with `room` carries. */
  const sent = (room = 1000): number[] => {
    const packet = new SentPacket()
    cids.write(new Uint8Array(1200), 0, room, packet)
    return packet.newCids
  }
  return { cids, table, sent }
}

describe('ids that an endpoint gives', () => {
  //= PAL-UDP-124, PAL-UDP-129
  it('are as many as are allowed, once the handshake is done, and once more where they were lost', () => {
    const { cids, table, sent } = own()
    expect([sent(), table.size]).toEqual([[], 1])
    cids.open()
    expect(sent(50)).toEqual([1])
    expect(sent()).toEqual([2, 3, 4])
    expect([sent(), table.size]).toEqual([[], MAX])
    const lost = new SentPacket()
    lost.newCids.push(1, 3)
    expect(cids.onRetire(3, 0)).toBe(true)
    cids.onLost(lost)
    expect(sent()).toEqual([1, 5])
  })

  //= PAL-UDP-124, PAL-UDP-126
  it('are replaced when they are retired, and one retired finds nobody', () => {
    const { cids, table, sent } = own()
    cids.open()
    sent()
    for (let sequence = 0; sequence < 100; sequence++) {
      expect(cids.onRetire(sequence, sequence + 1)).toBe(true)
      expect(cids.onRetire(sequence, sequence + 1)).toBe(true)
      expect([sent(), table.size]).toEqual([[sequence + MAX], MAX])
    }
    expect(cids.sequenceAt(cidOf(256), 0)).toBe(-1)
    expect(cids.onRetire(100 + MAX, 100)).toBe(false)
    expect(cids.onRetire(100, 100)).toBe(false)
    cids.clear()
    expect(table.size).toBe(0)
  })
})

/** Ids of a peer, the first as in the handshake. */
function peers(count: number): PeerCids {
  const cids = new PeerCids()
  cids.open(cidOf(0), TOKEN)
  for (let n = 1; n <= count; n++) expect(cids.onNew(n, cidOf(n), TOKEN)).toBe(true)
  return cids
}

/** The sequences that the next packet retires. */
function retired(cids: PeerCids): SentPacket {
  const packet = new SentPacket()
  cids.write(new Uint8Array(1200), 0, 1200, packet)
  return packet
}

describe('ids that a peer gives', () => {
  it('are used one after the other, the one before is retired, and without another one stays', () => {
    const cids = peers(2)
    expect(cids.advance()).toBe(true)
    expect(cids.current.cid).toEqual(cidOf(1))
    expect(retired(cids).retiredCids).toEqual([0])
    expect(cids.advance()).toBe(true)
    expect(cids.advance()).toBe(false)
    expect(cids.current.cid).toEqual(cidOf(2))
    expect(retired(cids).retiredCids).toEqual([1])
    expect(retired(cids).retiredCids).toEqual([])
  })

  //= PAL-UDP-125
  it('may come twice, late and out of order; not changed, too many, or for two sequences', () => {
    const cids = peers(0)
    for (const n of [3, 1, 3, 0]) expect(cids.onNew(n, cidOf(n), TOKEN), String(n)).toBe(true)
    expect(cids.onNew(3, cidOf(77), TOKEN)).toBe(false)
    expect(cids.onNew(4, cidOf(1), TOKEN)).toBe(false)
    expect(cids.onNew(MAX, cidOf(MAX), TOKEN)).toBe(false)
    cids.advance()
    expect(cids.current.sequence).toBe(3)
    // A retired one that comes once more is not taken again.
    expect(cids.onNew(0, cidOf(0), TOKEN)).toBe(true)
    expect(cids.onNew(MAX, cidOf(MAX), TOKEN)).toBe(true)
    expect(cids.onNew(MAX + 1, cidOf(MAX + 1), TOKEN)).toBe(false)
  })

  //= PAL-UDP-129
  it('are retired once more where that was lost, until it is acknowledged', () => {
    const cids = peers(1)
    cids.advance()
    const first = retired(cids)
    cids.onLost(first)
    const second = retired(cids)
    expect(second.retiredCids).toEqual([0])
    cids.onAcked(second)
    cids.onLost(first)
    expect(retired(cids).retiredCids).toEqual([])
  })

  //= PAL-UDP-128
  it('set aside for one address are not used for another', () => {
    const cids = peers(4)
    expect(cids.reserve()?.sequence).toBe(1)
    expect(cids.reserve()?.sequence).toBe(2)
    expect(retired(cids).retiredCids).toEqual([1])
    expect(cids.current.sequence).toBe(0)
    cids.useReserved()
    expect(cids.current.sequence).toBe(2)
    expect(retired(cids).retiredCids).toEqual([0])
    cids.useReserved()
    expect(cids.current.sequence).toBe(2)
  })

  it('that confirms nothing are not used up for it, and the list of what waits stays short', () => {
    const cids = peers(4)
    let next = MAX
    let used = 0
    for (let i = 0; i < 1000; i++) {
      if (cids.advance()) used++
      if (cids.onNew(next, cidOf(next), TOKEN)) next++
    }
    expect(used).toBe(MAX)
    expect(retired(cids).retiredCids.length).toBe(MAX)
  })

  //= PAL-UDP-125
  it('whatever they are: no more are held than allowed, and none is used twice', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('new' as const), n: fc.nat(30), id: fc.nat(30) }),
      fc.constantFrom({ kind: 'advance' as const }, { kind: 'reserve' as const }, { kind: 'use' as const }),
      fc.constantFrom({ kind: 'acked' as const }, { kind: 'lost' as const }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const cids = peers(0)
        const used = new Set([0])
        for (const one of steps) {
          const before = cids.current.sequence
          if (one.kind === 'new') cids.onNew(one.n, cidOf(one.id), TOKEN)
          if (one.kind === 'advance') cids.advance()
          if (one.kind === 'reserve') cids.reserve()
          if (one.kind === 'use') cids.useReserved()
          const packet = retired(cids)
          expect(packet.retiredCids.length).toBeLessThanOrEqual(MAX + 1)
          if (one.kind === 'acked') cids.onAcked(packet)
          else cids.onLost(packet)
          const now = cids.current.sequence
          if (now !== before) expect(used.has(now)).toBe(false)
          used.add(now)
          expect(packet.retiredCids).not.toContain(now)
        }
      }),
    )
  })
})

/** A relay and a client made by hand. */
function connected() {
  const relay = newRelay()
  const peer = new RawPeer(relay).connect(at(1000), 40)
  drain(relay, at(1100))
  return { relay, peer }
}

/** The code with which the relay closes when it gets `frames`, or undefined. */
function codeOf(relay: ReturnType<typeof newRelay>, peer: RawPeer, frames: Uint8Array): number | undefined {
  peer.send(bytesOf(1, frames), at(2000))
  for (let event = relay.pollEvent(); event !== undefined; event = relay.pollEvent()) {
    if (event.kind === 'closed') return event.reason.code
  }
  return undefined
}

describe('a relay', () => {
  //= PAL-UDP-125, PAL-UDP-126
  it.each([
    ['an id too many', newCid(MAX, cidOf(1)), CLOSE.frameEncoding],
    ['one sequence with two ids', bytesOf(newCid(1, cidOf(1)), newCid(1, cidOf(2))), CLOSE.frameEncoding],
    ['one id for two sequences', bytesOf(newCid(1, cidOf(1)), newCid(2, cidOf(1))), CLOSE.frameEncoding],
    ['an id never given that is retired', bytesOf(RETIRE_CID, MAX), CLOSE.frameEncoding],
    ['the id in use that is retired', bytesOf(RETIRE_CID, 0), CLOSE.frameEncoding],
    ['an id twice', bytesOf(newCid(1, cidOf(1)), newCid(1, cidOf(1))), undefined],
    ['a spare id that is retired, twice', bytesOf(RETIRE_CID, 1, RETIRE_CID, 1), undefined],
  ])('that gets %s answers with %s', (_, frames, code) => {
    const { relay, peer } = connected()
    expect(codeOf(relay, peer, frames)).toBe(code)
  })

  it('in a storm of 100,000 NEW_CID keeps four, and of RETIRE_CID gives as many as were retired', () => {
    const { relay, peer } = connected()
    const ids = bytesOf(...[1, 2, 3, 4].map((n) => newCid(n, cidOf(n))))
    const storm = bytesOf(...Array.from({ length: 10 }, () => ids))
    for (let i = 0; i < 2500; i++) peer.send(storm, at(2000 + i))
    expect(relay.connectionCount).toBe(1)
    expect(relay.cidCount).toBe(MAX)
    // Only what was given can be retired, and each is replaced by one.
    for (let sequence = 1; sequence <= 1000; sequence++) {
      peer.send(bytesOf(RETIRE_CID, varint(sequence)), at(5000 + sequence))
      expect(relay.cidCount).toBe(MAX)
    }
    expect(relay.connectionCount).toBe(1)
    peer.send(bytesOf(RETIRE_CID, varint(1000 + MAX)), at(7000))
    relay.handleTimeout(at(9000))
    expect([relay.connectionCount, relay.cidCount]).toEqual([0, 0])
  })

  it('answers under every id it gave, and with RESET under one that is retired', () => {
    const { relay, peer } = connected()
    peer.send(lane(2, 0, Buffer.of(1)), at(2000))
    const event = relay.pollEvent()
    event?.connection.write(3, Buffer.of(1))
    const frames = peer.receive(at(2010)).map((packet) => Buffer.from(packet.frames))
    const given = frames.flatMap((bytes) => {
      const found: Buffer[] = []
      for (let i = 0; i + 26 <= bytes.length; i++)
        if (bytes[i] === NEW_CID && (bytes[i + 1] as number) === found.length + 1)
          found.push(bytes.subarray(i + 2, i + 10))
      return found
    })
    expect(given.length).toBe(MAX - 1)
    const first = peer.relayCid
    peer.relayCid = given[0] as Uint8Array
    peer.send(bytesOf(RETIRE_CID, 0, lane(2, 1, Buffer.of(1))), at(2020))
    const seen: string[] = []
    for (let e = relay.pollEvent(); e !== undefined; e = relay.pollEvent()) seen.push(e.kind)
    expect(seen).toContain('lane_bytes')
    drain(relay, at(2040))
    peer.relayCid = first
    peer.send(bytesOf(1, new Uint8Array(40)), at(2050))
    expect(drain(relay, at(2050)).map(({ bytes }) => bytes[0])).toEqual([0xc4])
  })
})
