/** Bundles of orders and news, and how much a worker reads ahead. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Budgeted,
  type NewsHandler,
  NewsReader,
  NewsWriter,
  type OrderHandler,
  OrderReader,
  OrderWriter,
  ReadBudget,
} from '../../src/protocol/workers/index.ts'

/** Calls of a handler, in order, as text. */
function recorder<Handler extends object>(): { readonly calls: string[]; readonly handler: Handler } {
  const calls: string[] = []
  const text = (argument: unknown): string =>
    argument instanceof Uint8Array
      ? `bytes:${Buffer.from(argument).toString('hex')}`
      : JSON.stringify(argument, (_, value: unknown) =>
          value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
        )
  const handler = new Proxy({} as Handler, {
    get:
      (_, name) =>
      (...given: unknown[]): void =>
        void calls.push(`${String(name)} ${given.map(text).join(' ')}`),
  })
  return { calls, handler }
}

/** Hands the whole over in pieces of these lengths, again and again. */
function pushCut(whole: Uint8Array, lengths: readonly number[], push: (piece: Uint8Array) => void): void {
  for (let at = 0, i = 0; at < whole.length; i++) {
    const length = lengths[i % lengths.length] as number
    push(Uint8Array.from(whole.subarray(at, at + length)))
    at += length
  }
}

const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5000 })), {
  minLength: 1,
  maxLength: 20,
})
const link = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 ** 32 }))
const lane = fc.integer({ min: 0, max: 63 })

type OrderCall =
  | {
      readonly name: 'write' | 'writeEphemeral'
      readonly link: number
      readonly lane: number
      readonly piece: number
    }
  | { readonly name: 'pause' | 'resume' | 'end' | 'abort'; readonly link: number }
  | { readonly name: 'handled' | 'take'; readonly count: number }

const orderCall: fc.Arbitrary<OrderCall> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ name: fc.constantFrom('write', 'writeEphemeral'), link, lane, piece: fc.nat(5) }),
  },
  fc.record({ name: fc.constantFrom('pause', 'resume', 'end', 'abort'), link }),
  fc.record({ name: fc.constantFrom('handled', 'take'), count: fc.nat(2 ** 40) }),
)
const pieces = fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 6, maxLength: 6 })

describe('orders', () => {
  test('arrive as they were given, however their bundles are cut', () => {
    fc.assert(
      fc.property(fc.array(orderCall, { maxLength: 60 }), pieces, cuts, (calls, bytes, lengths) => {
        const writer = new OrderWriter()
        const bundles: Uint8Array[] = []
        const expected = recorder<OrderHandler>()
        const take = (): void => {
          if (writer.byteCount > 0) bundles.push(writer.take())
        }
        for (const [i, call] of calls.entries()) {
          const next = calls[i + 1]
          if (call.name === 'take') take()
          else
            for (const to of [writer, expected.handler])
              if ('count' in call) to.handled(call.count)
              else if (call.name === 'writeEphemeral')
                to.writeEphemeral(call.link, call.lane, bytes[call.piece] as Uint8Array)
              else if (call.name !== 'write') to[call.name](call.link)
              else {
                const isMore = next?.name === 'write' && next.link === call.link
                to.write(call.link, call.lane, bytes[call.piece] as Uint8Array, isMore)
              }
        }
        take()
        const { calls: heard, handler } = recorder<OrderHandler>()
        const reader = new OrderReader()
        pushCut(Buffer.concat(bundles), lengths, (piece) => reader.push(piece, handler))
        expect(heard).toEqual(expected.calls)
      }),
    )
  })

  test('hold the bytes that go to a thousand links once', () => {
    const writer = new OrderWriter()
    const bytes = new Uint8Array(1000).fill(7)
    for (let number = 1; number <= 1000; number++) writer.write(number, 0, bytes)
    expect(writer.byteCount).toBeLessThan(1000 + 1000 * 9)
    const seen = new Set<Uint8Array>()
    const handler = {
      ...recorder<OrderHandler>().handler,
      write: (_l: number, _n: number, b: Uint8Array) => seen.add(b),
    }
    new OrderReader().push(writer.take(), handler as unknown as OrderHandler)
    // The same array for all, so that the worker copies nothing either.
    expect([...seen].map((each) => Buffer.from(each))).toEqual([Buffer.from(bytes)])
  })

  test('give bytes that do not keep a large bundle in memory', () => {
    const writer = new OrderWriter()
    writer.write(1, 0, new Uint8Array(10))
    writer.write(2, 0, new Uint8Array(100_000))
    const kept: number[] = []
    const handler = { write: (_l: number, _n: number, b: Uint8Array) => kept.push(b.buffer.byteLength) }
    new OrderReader().push(writer.take(), handler as unknown as OrderHandler)
    expect(kept[0]).toBe(10)
  })
})

const opened = fc.record({
  listener: fc.nat(9),
  remote: fc.option(fc.record({ host: fc.string(), port: fc.nat(65_535) }), { nil: undefined }),
  laneCount: fc.constantFrom(1, 64),
  binding: fc.uint8Array({ maxLength: 64 }),
})
const newsCall = fc.oneof(
  fc.record({ name: fc.constant('opened' as const), link, opened }),
  {
    weight: 5,
    arbitrary: fc.record({
      name: fc.constantFrom('bytes' as const, 'unreliable' as const),
      link,
      lane,
      piece: fc.nat(5),
    }),
  },
  fc.record({ name: fc.constant('closed' as const), link, detail: fc.string() }),
  fc.record({ name: fc.constantFrom('ended' as const, 'full' as const, 'free' as const), link }),
  fc.record({ name: fc.constant('take' as const) }),
)

describe('news', () => {
  test('arrive as they were told, however their bundles are cut, and bundles are counted', () => {
    fc.assert(
      fc.property(fc.array(newsCall, { maxLength: 60 }), pieces, cuts, (calls, bytes, lengths) => {
        const writer = new NewsWriter()
        const bundles: Uint8Array[] = []
        const expected = recorder<NewsHandler>()
        const take = (): void => {
          if (writer.byteCount > 0) bundles.push(writer.take())
        }
        for (const call of calls) {
          if (call.name === 'take') take()
          else
            for (const to of [writer, expected.handler])
              if (call.name === 'opened') to.opened(call.link, call.opened)
              else if (call.name === 'bytes' || call.name === 'unreliable')
                to[call.name](call.link, call.lane, bytes[call.piece] as Uint8Array)
              else if (call.name === 'closed') to.closed(call.link, call.detail)
              else to[call.name](call.link)
        }
        take()
        const { calls: heard, handler } = recorder<NewsHandler>()
        const reader = new NewsReader()
        pushCut(Buffer.concat(bundles), lengths, (piece) => reader.push(piece, handler))
        expect(heard).toEqual(expected.calls)
        expect(reader.bundleCount).toBe(bundles.length)
      }),
    )
  })
})

class Reading implements Budgeted {
  unhandledBytes = 0
  lastBundle = 0
  isHeld = false
}

const LIMITS = { linkBytes: 1000, totalBytes: 4000 }
const budgetStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ read: fc.nat(4), bytes: fc.integer({ min: 1, max: 600 }) }) },
  fc.record({ bundles: fc.nat(3) }),
)

describe('the budget of reading', () => {
  test('bounds what is unhandled of each link and of all, and lets everybody read on in the end', () => {
    fc.assert(
      fc.property(fc.array(budgetStep, { maxLength: 200 }), (steps) => {
        const budget = new ReadBudget<Reading>(LIMITS)
        const links = Array.from({ length: 5 }, () => new Reading())
        /** Bytes of each link in each bundle that is not handled; the last one is being made. */
        const unhandled: Map<Reading, number>[] = [new Map()]
        let handled = 0
        let isStalled = false
        const sumOf = (reading: Reading): number =>
          unhandled.reduce((sum, bundle) => sum + (bundle.get(reading) ?? 0), 0)
        const handle = (count: number): void => {
          handled += count
          unhandled.splice(0, count)
          for (const released of budget.handled(handled)) expect(released.isHeld).toBe(false)
          if (budget.isRelieved) isStalled = false
        }
        for (const step of steps) {
          if ('bundles' in step) {
            budget.endBundle()
            unhandled.push(new Map())
            handle(Math.min(step.bundles, unhandled.length - 1))
            continue
          }
          const reading = links[step.read] as Reading
          if (reading.isHeld || isStalled) continue
          const open = unhandled.at(-1) as Map<Reading, number>
          open.set(reading, (open.get(reading) ?? 0) + step.bytes)
          expect(budget.take(reading, step.bytes)).toBe(reading.isHeld)
          isStalled ||= budget.isFull
          // One read beyond the limit at the most.
          expect(sumOf(reading)).toBeLessThan(LIMITS.linkBytes + 600)
          expect(links.reduce((sum, each) => sum + sumOf(each), 0)).toBeLessThan(LIMITS.totalBytes + 600)
        }
        budget.endBundle()
        unhandled.push(new Map())
        handle(unhandled.length - 1)
        expect(links.filter(({ isHeld }) => isHeld)).toEqual([])
        expect([budget.isFull, budget.isRelieved]).toEqual([false, true])
      }),
    )
  })
})
