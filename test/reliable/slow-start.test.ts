import { describe, expect, it } from 'vitest'
import { DeliveryRate, type RateMark } from '../../src/reliable/delivery-rate.ts'
import { LIMIT, RATIO } from '../../src/reliable/index.ts'
import { RttEstimator } from '../../src/reliable/rtt.ts'
import { SlowStart } from '../../src/reliable/slow-start.ts'
import { at } from './world.ts'

/** Rounds of ten acknowledgements each, a millisecond apart. */
class Rounds {
  readonly slowStart = new SlowStart()
  now = 0

  /** One round whose packets were sent when it began. True when slow start is over. */
  round(rttMs: number): boolean {
    const sentAt = at(this.now)
    let isOver = false
    for (let i = 0; i < 10; i++) {
      this.now++
      isOver = this.slowStart.onAck({ sentAt: i === 0 ? sentAt : at(sentAt - 1), rttMs }, at(this.now))
    }
    return isOver
  }
}

describe('slow start', () => {
  //= PAL-UDP-100
  it.each([
    [20, 4],
    [80, 10],
    [400, 16],
  ])(
    'over %i ms grows slower once the RTT of a round is %i ms longer, and ends five rounds later',
    (rtt, rise) => {
      const flow = new Rounds()
      for (let i = 0; i < 5; i++) expect(flow.round(rtt)).toBe(false)
      flow.round(rtt + rise - 0.5)
      expect(flow.slowStart.growth).toBe(1)
      flow.round(rtt)
      flow.round(rtt + rise)
      expect(flow.slowStart.growth).toBe(RATIO.slowGrowth)
      for (let i = 0; i < LIMIT.slowGrowthRounds; i++) expect(flow.round(rtt + rise)).toBe(false)
      expect(flow.round(rtt + rise)).toBe(true)
    },
  )

  //= PAL-UDP-100
  it('goes on when the RTT falls again', () => {
    const flow = new Rounds()
    for (const rtt of [50, 50, 60]) flow.round(rtt)
    expect(flow.slowStart.growth).toBe(RATIO.slowGrowth)
    flow.round(55)
    expect(flow.slowStart.growth).toBe(1)
  })

  //= PAL-UDP-102
  it('is slowed by losses by chance, and ended by four that are more than 15 % of a round', () => {
    const { slowStart } = new Rounds()
    expect([slowStart.onLossByChance(), slowStart.growth]).toEqual([true, RATIO.slowGrowth])
    expect([slowStart.onLossByChance(), slowStart.onLossByChance()]).toEqual([true, true])
    expect(slowStart.onLossByChance()).toBe(false)
    const other = new Rounds()
    other.round(50)
    other.round(50)
    other.round(50)
    for (let i = 0; i < 3; i++) other.slowStart.onLossByChance()
    for (let i = 0; i < 20; i++)
      other.slowStart.onAck({ sentAt: at(other.now - 30), rttMs: 50 }, at(other.now))
    expect(other.slowStart.onLossByChance()).toBe(true)
  })
})

const newMark = (): RateMark => ({ sentAt: at(0), delivered: 0, deliveredAt: at(0), firstSentAt: at(0) })

describe('the delivery rate', () => {
  it('is what arrives in a round trip, however the acknowledgements are bunched', () => {
    const rate = new DeliveryRate()
    const marks: RateMark[] = []
    for (let now = 0; now < 400; now++) {
      const mark = newMark()
      rate.onSent(mark, now === 0, at(now))
      mark.sentAt = at(now)
      marks.push(mark)
      // Of packets sent each millisecond, ten at a time are acknowledged together, 50 ms after the last.
      if (now < 60 || now % 10 !== 0) continue
      for (const acked of marks.splice(0, 10)) rate.onAcked(acked, 1000)
      rate.onAckEnd(50, at(now))
    }
    expect(rate.largest).toBeGreaterThan(700)
    expect(rate.largest).toBeLessThanOrEqual(1000)
  })

  it('is forgotten after ten round trips in which less was sent', () => {
    const rate = new DeliveryRate()
    const send = (now: number, bytes: number): void => {
      const mark = newMark()
      rate.onSent(mark, true, at(now))
      mark.sentAt = at(now)
      rate.onAcked(mark, bytes)
      rate.onAckEnd(50, at(now + 50))
    }
    send(0, 50_000)
    expect(rate.largest).toBe(1000)
    for (let now = 100; now < 800; now += 100) send(now, 500)
    expect(rate.largest).toBe(10)
  })
})

it('a queue is what the smallest of the last eight RTTs is above the smallest ever', () => {
  const rtt = new RttEstimator()
  for (const ms of [50, 70, 70, 70, 70, 70, 70, 52]) rtt.sample(ms, 0)
  expect(rtt.queueMs).toBe(0)
  for (let i = 0; i < 7; i++) rtt.sample(70, 0)
  expect(rtt.queueMs).toBe(2)
  rtt.sample(70, 0)
  expect(rtt.queueMs).toBe(20)
})
