import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMIT, TIMER } from '../../src/reliable/index.ts'
import { PathMtu } from '../../src/reliable/path-mtu.ts'
import { at } from './world.ts'

const { datagramBytes: LEAST, mtuLowBytes, mtuMiddleBytes, datagramBytesMax: MOST } = LIMIT
const STEPS = [mtuLowBytes, mtuMiddleBytes, MOST]

/** A machine whose path is known to carry packets. */
function started(bytesMax: number = MOST): PathMtu {
  const mtu = new PathMtu()
  mtu.open(bytesMax)
  mtu.onAcked(0, 100)
  return mtu
}

/** Searches a path that carries `pathBytes`; the sizes asked for. */
function search(mtu: PathMtu, pathBytes: number, now = at(0)): number[] {
  const asked: number[] = []
  for (let number = 1; ; number++) {
    const bytes = mtu.probeBytes(now)
    if (bytes === 0) return asked
    asked.push(bytes)
    mtu.onProbeSent(number)
    expect(mtu.probeBytes(now)).toBe(0)
    if (bytes <= pathBytes) mtu.onProbeAcked(number, bytes)
    else mtu.onProbeLost(number, now)
  }
}

describe('a search for the path MTU', () => {
  //= PAL-UDP-117, PAL-UDP-118
  it('asks for longer and longer datagrams, three times where one is lost, and ends', () => {
    const wide = started()
    expect(search(wide, 1500)).toEqual(STEPS)
    expect([wide.datagramBytes, wide.refusedBytes]).toEqual([MOST, 0])
    const narrow = started()
    expect(search(narrow, 1300)).toEqual([mtuLowBytes, mtuMiddleBytes, mtuMiddleBytes, mtuMiddleBytes])
    expect([narrow.datagramBytes, narrow.refusedBytes]).toEqual([mtuLowBytes, mtuMiddleBytes])
  })

  //= PAL-UDP-118
  it('asks for nothing that the peer does not take', () => {
    expect(search(started(LEAST), 1500)).toEqual([])
    expect(search(started(1399), 1500)).toEqual([mtuLowBytes])
    expect(search(started(MOST - 1), 1500)).toEqual([mtuLowBytes, mtuMiddleBytes])
    expect(search(started(65_535), 1500)).toEqual(STEPS)
  })

  //= PAL-UDP-117
  it('waits for a first packet to arrive, and comes again where one ended early', () => {
    const mtu = new PathMtu()
    mtu.open(MOST)
    expect(mtu.probeBytes(at(1e9))).toBe(0)
    mtu.onAcked(0, 43)
    expect(search(mtu, 1300, at(1000)).length).toBe(4)
    expect(mtu.probeBytes(at(1000 + TIMER.mtuSearchMs - 1))).toBe(0)
    expect(search(mtu, 1500, at(1000 + TIMER.mtuSearchMs))).toEqual([mtuMiddleBytes, MOST])
    expect([mtu.datagramBytes, mtu.refusedBytes]).toEqual([MOST, 0])
    expect(mtu.probeBytes(at(1e9))).toBe(0)
  })

  //= PAL-UDP-123
  it('begins anew on another path, and what was asked on the one before counts for nothing', () => {
    const mtu = started()
    mtu.onProbeSent(1)
    mtu.restart()
    mtu.onProbeAcked(1, mtuLowBytes)
    expect(mtu.datagramBytes).toBe(LEAST)
    expect(mtu.probeBytes(at(0))).toBe(0)
    mtu.onAcked(2, 43)
    expect(search(mtu, 1500)).toEqual(STEPS)
    mtu.restart()
    expect(mtu.datagramBytes).toBe(LEAST)
  })
})

describe('a black hole', () => {
  const found = (): PathMtu => {
    const mtu = started()
    search(mtu, 1500)
    return mtu
  }

  //= PAL-UDP-121
  it('is where three long packets in a row are lost: back to what every path takes', () => {
    const mtu = found()
    for (const number of [10, 11]) mtu.onLost(number, MOST)
    expect(mtu.hasShrunk(at(5000))).toBe(false)
    mtu.onLost(12, 1201)
    expect(mtu.hasShrunk(at(5000))).toBe(true)
    expect(mtu.datagramBytes).toBe(LEAST)
    for (const number of [13, 14, 15, 16]) mtu.onLost(number, MOST)
    expect(mtu.hasShrunk(at(5000))).toBe(false)
    expect(mtu.probeBytes(at(5000 + TIMER.mtuSearchMs - 1))).toBe(0)
    expect(search(mtu, 1300, at(5000 + TIMER.mtuSearchMs))[0]).toBe(mtuLowBytes)
  })

  //= PAL-UDP-121
  it('is not where a long one arrives meanwhile, or shorter ones are lost too', () => {
    const mtu = found()
    for (const number of [10, 11, 12]) mtu.onLost(number, MOST)
    mtu.onAcked(13, MOST)
    expect(mtu.hasShrunk(at(0))).toBe(false)
    for (const number of [20, 21, 22]) mtu.onLost(number, MOST)
    mtu.onLost(23, LEAST)
    expect(mtu.hasShrunk(at(0))).toBe(false)
    // What arrives late from before the losses proves nothing.
    for (const number of [30, 31, 32]) mtu.onLost(number, MOST)
    mtu.onAcked(29, MOST)
    mtu.onAcked(33, LEAST)
    expect(mtu.hasShrunk(at(0))).toBe(true)
  })
})

it('whatever happens, the size is one that was acknowledged, and no more than the peer takes', () => {
  const event = fc.record({
    kind: fc.constantFrom('ack', 'lose', 'probe', 'probe_acked', 'probe_lost', 'restart', 'late'),
    bytes: fc.integer({ min: 43, max: MOST }),
    waitMs: fc.constantFrom(0, 10, TIMER.mtuSearchMs),
  })
  fc.assert(
    fc.property(fc.integer({ min: LEAST, max: 2000 }), fc.array(event, { maxLength: 60 }), (max, events) => {
      const mtu = new PathMtu()
      mtu.open(max)
      let now = at(0)
      let probe: { readonly number: number; readonly bytes: number } | undefined
      const acked = new Set<number>([LEAST])
      events.forEach(({ kind, bytes, waitMs }, number) => {
        now = at(now + waitMs)
        if (kind === 'ack') mtu.onAcked(number, bytes)
        if (kind === 'lose') mtu.onLost(number, bytes)
        if (kind === 'restart') mtu.restart()
        const asked = kind === 'probe' ? mtu.probeBytes(now) : 0
        if (asked > 0) {
          expect(asked).toBeLessThanOrEqual(Math.min(max, MOST))
          probe = { number, bytes: asked }
          mtu.onProbeSent(number)
        }
        if (kind === 'probe_acked' && probe !== undefined) {
          mtu.onProbeAcked(probe.number, probe.bytes)
          acked.add(probe.bytes)
        }
        if (kind === 'probe_lost' && probe !== undefined) mtu.onProbeLost(probe.number, now)
        mtu.hasShrunk(now)
        expect(acked.has(mtu.datagramBytes)).toBe(true)
      })
    }),
  )
})
