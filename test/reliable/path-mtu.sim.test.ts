import { describe, expect, it } from 'vitest'
import type { Instant } from '../../src/base/index.ts'
import { LIMIT, TIMER } from '../../src/reliable/index.ts'
import { at, CLIENT, laneBytes, newSeen, note, type OpenPair, openPair, RELAY } from './world.ts'

const { datagramBytes: LEAST, mtuLowBytes: LOW, mtuMiddleBytes: MIDDLE, datagramBytesMax: MOST } = LIMIT

/** What two say to each other, so that packets are acknowledged. */
function talk(pair: OpenPair, untilMs: number): void {
  for (let now: number = pair.world.now; now < untilMs; now += 100) {
    pair.world.at(at(now), () => {
      pair.near.write(2, Buffer.alloc(100))
      pair.far.write(3, Buffer.alloc(100))
    })
  }
  pair.world.run(at(untilMs))
}

function sizesOf(pair: OpenPair): number[] {
  return [pair.near.stats.datagramBytes, pair.far.stats.datagramBytes]
}

/** Writes a file's worth, a little at a time as the queue allows. */
function transfer(pair: OpenPair, total: number): () => number {
  let written = 0
  const more = (now: Instant): void => {
    while (written < total && pair.near.queuedBytes < 500_000) {
      pair.near.write(1, Buffer.alloc(50_000, written / 50_000))
      written += 50_000
    }
    if (written < total) pair.world.at(at(now + 20), more)
  }
  more(pair.world.now)
  return () => laneBytes(pair.atRelay, 1).length
}

describe('two that talk over a path', () => {
  //= PAL-UDP-117, PAL-UDP-119, PAL-UDP-120
  it.each([
    [1500, MOST, 0],
    [1452, MOST, 0],
    [1451, MIDDLE, MOST],
    [1300, LOW, MIDDLE],
    [1200, LEAST, LOW],
  ])('of %i bytes find datagrams of %i, each for its direction, and no loss', (mtuBytes, found, refused) => {
    const pair = openPair({ conditions: { mtuBytes } })
    const { windowBytes } = pair.near.stats
    talk(pair, 5000)
    for (const { stats } of [pair.near, pair.far]) {
      expect([stats.datagramBytes, stats.datagramBytesRefused]).toEqual([found, refused])
      expect([stats.packetsLost, stats.lossAverage]).toEqual([0, 0])
      expect(stats.windowBytes).toBeGreaterThanOrEqual(windowBytes)
    }
  })

  it('wide one way and narrow the other find two sizes', () => {
    const pair = openPair({ conditions: { mtuBytes: 1500 } })
    const back = pair.world.link(RELAY, CLIENT)
    back.conditions = { ...back.conditions, mtuBytes: 1300 }
    talk(pair, 5000)
    expect(sizesOf(pair)).toEqual([MOST, LOW])
  })

  //= PAL-UDP-118
  it('ask three times for what is lost, and not again before ten minutes', () => {
    const sizes: number[] = []
    const pair = openPair({
      conditions: { mtuBytes: 1300 },
      observer: {
        onSent: (from, { bytes }) => {
          if (from.port === CLIENT.port && bytes.length > LEAST) sizes.push(bytes.length)
        },
      },
    })
    talk(pair, 120_000)
    expect(sizes).toEqual([LOW, MIDDLE, MIDDLE, MIDDLE])
    pair.world.run(at(TIMER.mtuSearchMs + 100_000))
    expect(sizes.slice(4)).toEqual([MIDDLE, MIDDLE, MIDDLE])
  })
})

describe('a transfer over a path that becomes narrower without a word', () => {
  //= PAL-UDP-121, PAL-UDP-122
  it.each([1200, 1300, 1451])('of %i bytes goes on with short packets within a second', (mtuBytes) => {
    const pair = openPair({ conditions: { mtuBytes: 1500, rate: 1250, queueBytes: 62_500 } })
    const received = transfer(pair, 4_000_000)
    pair.world.run(at(pair.world.now + 1000))
    expect(pair.near.stats.datagramBytes).toBe(MOST)
    const before = received()
    pair.world.changeLinks({ mtuBytes })
    const shrunkAt = pair.world.now
    pair.world.run(at(shrunkAt + 1000), () => pair.near.stats.datagramBytes === LEAST)
    expect(pair.near.stats.datagramBytes).toBe(LEAST)
    pair.world.run(at(shrunkAt + 2000))
    expect(received()).toBeGreaterThan(before + 400_000)
    expect(pair.world.run(at(shrunkAt + 20_000), () => received() === 4_000_000)).toBe(true)
    // The other direction carried short packets only, and had nothing to go by.
    expect(pair.far.stats.datagramBytes).toBe(MOST)
  })

  it('in the middle of losses by chance goes on too', () => {
    const pair = openPair({ seed: 5, conditions: { mtuBytes: 1500, loss: 0.05 } })
    const received = transfer(pair, 3_000_000)
    pair.world.run(at(pair.world.now + 800))
    expect(pair.near.stats.datagramBytes).toBe(MOST)
    pair.world.changeLinks({ mtuBytes: 1300 })
    expect(pair.world.run(at(pair.world.now + 60_000), () => received() === 3_000_000)).toBe(true)
    expect(pair.near.stats.datagramBytes).toBe(LEAST)
  })

  it('and a single long message behind it arrives as well', () => {
    const pair = openPair({ conditions: { mtuBytes: 1500 } })
    talk(pair, 3000)
    expect(sizesOf(pair)).toEqual([MOST, MOST])
    pair.world.changeLinks({ mtuBytes: 1300 })
    pair.near.write(2, Buffer.alloc(1400, 9))
    const begin = pair.world.now
    const before = laneBytes(pair.atRelay, 2).length
    pair.world.run(at(begin + 5000), () => laneBytes(pair.atRelay, 2).length === before + 1400)
    expect(pair.world.now - begin).toBeLessThan(500)
  })
})

//= PAL-UDP-121
it('an outage is no black hole: what is long and what is short is lost alike', () => {
  const pair = openPair({ conditions: { mtuBytes: 1500, rate: 1250, queueBytes: 62_500 } })
  const received = transfer(pair, 3_000_000)
  pair.world.run(at(pair.world.now + 1000))
  pair.world.changeLinks({ loss: 1 })
  pair.world.run(at(pair.world.now + 3000))
  pair.world.changeLinks({ loss: 0 })
  expect(pair.world.run(at(pair.world.now + 20_000), () => received() === 3_000_000)).toBe(true)
  expect(pair.near.stats.datagramBytes).toBe(MOST)
})

//= PAL-UDP-123
it('a client that moves to a narrower network is not in its way with long packets', () => {
  const pair = openPair({ conditions: { mtuBytes: 1500 } })
  talk(pair, 3000)
  const place = { host: '203.0.113.5', port: 1234 }
  pair.world.changeLinks({ mtuBytes: 1300 })
  pair.world.remove(CLIENT)
  const seen = newSeen()
  pair.world.add(place, pair.client, note(seen))
  pair.near.moved(pair.world.now)
  expect(pair.near.stats.datagramBytes).toBe(LEAST)
  pair.near.write(2, Buffer.alloc(5000))
  const before = laneBytes(pair.atRelay, 2).length
  expect(
    pair.world.run(at(pair.world.now + 1000), () => laneBytes(pair.atRelay, 2).length === before + 5000),
  ).toBe(true)
  talk({ ...pair, atClient: seen }, pair.world.now + 5000)
  expect(sizesOf(pair)).toEqual([LOW, LOW])
})
