import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { MemoryStore } from '../../src/protocol/relay/memory-store.ts'
import { PrekeyShelf } from '../../src/protocol/relay/prekeys.ts'
import type { StoreWrite } from '../../src/protocol/relay/storage.ts'
import { identityOf, type TestClient, World } from './world.ts'

const BUNDLE = Uint8Array.of(1, 2, 3)
const NOTHING = new Uint8Array(0)

function prekey(number: number, byte: number = number): { number: number; key: Uint8Array } {
  return { number, key: new Uint8Array(32).fill(byte) }
}

function publish(
  by: TestClient,
  numbers: readonly number[],
  { replaces = false, bundle = BUNDLE }: { replaces?: boolean; bundle?: Uint8Array } = {},
): number {
  const prekeys = numbers.map((number) => prekey(number))
  const answer = by.ask({ type: 'publish', replaces, bundle, prekeys })
  if (answer.kind !== 'stock') throw new Error(`publish was answered by ${answer.kind}`)
  return answer.frame.count
}

/** The number of the one-time prekey, 'none', or why there is no bundle. */
function claim(by: TestClient, of: string): number | string | undefined {
  const answer = by.ask({ type: 'claim', key: identityOf(of).publicKey })
  if (answer.kind === 'error') return answer.name
  if (answer.kind !== 'bundle') throw new Error(`claim was answered by ${answer.kind}`)
  expect(answer.frame.bundle).toEqual(BUNDLE)
  return answer.frame.prekeys[0]?.number ?? 'none'
}

describe('keys at the relay', () => {
  let world: World
  let alice: TestClient
  let bob: TestClient

  beforeEach(() => {
    world = new World({
      limits: { prekeysPerKey: 30, keyRequestsBurst: 40, keyRequestsPerMinute: 6, prekeysGivenBurst: 20 },
    })
    alice = world.connect('alice')
    bob = world.connect('bob')
  })

  //= PAL-SDC-030, PAL-SDC-031
  test('are there for whoever asks, also when their owner is away', () => {
    expect(claim(bob, 'alice')).toBe('no_keys')
    expect(publish(alice, [4, 7])).toBe(2)
    alice.wire.cut()
    expect([claim(bob, 'alice'), claim(bob, 'alice'), claim(bob, 'alice')]).toEqual([4, 7, 'none'])
  })

  //= PAL-SDC-028
  test('are those published last, and no number counts twice', () => {
    publish(alice, [4, 7])
    expect(claim(bob, 'alice')).toBe(4)
    expect(publish(alice, [4, 7, 5], { bundle: NOTHING })).toBe(1)
    expect(publish(alice, [8], { bundle: NOTHING })).toBe(2)
    expect([claim(bob, 'alice'), claim(bob, 'alice'), claim(bob, 'alice')]).toEqual([7, 8, 'none'])
  })

  //= PAL-SDC-028
  test('are at most as many as the relay says', () => {
    const numbers = Array.from({ length: 40 }, (_, i) => i)
    expect(publish(alice, numbers)).toBe(30)
    expect(claim(bob, 'alice')).toBe(0)
    expect(publish(alice, numbers)).toBe(30)
    expect(publish(alice, [], { bundle: NOTHING })).toBe(30)
  })

  //= PAL-SDC-029
  test('go when their owner begins anew', () => {
    publish(alice, [4, 7])
    expect(publish(alice, [1], { replaces: true })).toBe(1)
    expect([claim(bob, 'alice'), claim(bob, 'alice')]).toEqual([1, 'none'])
    expect(publish(alice, [], { replaces: true, bundle: NOTHING })).toBe(0)
    expect(claim(bob, 'alice')).toBe('no_keys')
  })

  //= PAL-SDC-033
  test('when few are left, their owner hears of it', () => {
    publish(
      alice,
      Array.from({ length: 21 }, (_, i) => i),
    )
    claim(bob, 'alice')
    expect(alice.eventsOf('stock').filter(({ frame }) => frame.request === 0)).toEqual([])
    claim(bob, 'alice')
    const told = alice.eventsOf('stock').filter(({ frame }) => frame.request === 0)
    expect(told.map(({ frame }) => frame.count)).toEqual([19])
  })

  //= PAL-SDC-033
  test('a session that published nothing is told nothing', () => {
    publish(alice, [1, 2])
    const again = world.connect('alice')
    claim(bob, 'alice')
    expect(again.eventsOf('stock')).toEqual([])
  })

  //= PAL-SDC-038
  test('are drained by nobody: beyond a rate there is the bundle alone, and later more', () => {
    publish(
      alice,
      Array.from({ length: 30 }, (_, i) => i + 1),
    )
    const drained = ['bob', 'carol', 'dave'].flatMap((name) => {
      const asker = name === 'bob' ? bob : world.connect(name)
      return Array.from({ length: 10 }, () => claim(asker, 'alice'))
    })
    expect(drained).toEqual([...Array.from({ length: 20 }, (_, i) => i + 1), ...Array(10).fill('none')])
    const late = world.connect('erin')
    expect(claim(late, 'alice')).toBe('none')
    world.advance(60_000)
    expect([claim(late, 'alice'), claim(late, 'alice')]).toEqual([21, 22])
  })

  //= PAL-SDC-034
  test('are asked for at a bounded rate, which a new session does not make faster', () => {
    const answers = Array.from({ length: 41 }, () => claim(bob, 'alice'))
    expect(answers.slice(0, 40).every((each) => each === 'no_keys')).toBe(true)
    expect(answers[40]).toBe('rate_limited')
    bob.wire.cut()
    const again = world.connect('bob')
    expect(claim(again, 'alice')).toBe('rate_limited')
    expect(claim(alice, 'bob')).toBe('no_keys')
    world.advance(10_000)
    expect([claim(again, 'alice'), claim(again, 'alice')]).toEqual(['no_keys', 'rate_limited'])
  })

  //= PAL-SDC-035
  test('are forgotten when their owner does not come back', () => {
    publish(alice, [4, 7])
    const offset = world.relay.hub.wallOffsetMs
    world.relay.setWallOffset(offset + 29 * 86_400_000)
    expect(claim(bob, 'alice')).toBe(4)
    world.relay.setWallOffset(offset + 31 * 86_400_000)
    expect(claim(bob, 'alice')).toBe('no_keys')
    expect(publish(alice, [1])).toBe(1)
  })
})

describe('a disk that takes its time', () => {
  //= PAL-SDC-032
  test('gets to know that a prekey is gone before anybody gets it', () => {
    const storage = new MemoryStore(true)
    const world = new World({ storage })
    const [alice, bob] = [world.connect('alice'), world.connect('bob')]
    publish(alice, [4, 7])
    world.isDiskHeld = true
    bob.session.request({ type: 'claim', key: identityOf('alice').publicKey })
    world.settle()
    expect(bob.eventsOf('bundle')).toEqual([])
    const keyHex = Buffer.from(identityOf('alice').publicKey).toString('hex')
    expect(storage.prekeys(keyHex)?.prekeys.map(([number]) => number)).toEqual([4, 7])
    world.isDiskHeld = false
    world.settle()
    expect(bob.eventsOf('bundle').map(({ frame }) => frame.prekeys[0]?.number)).toEqual([4])
    expect(storage.prekeys(keyHex)?.prekeys.map(([number]) => number)).toEqual([7])
  })
})

type Step =
  | { readonly kind: 'publish'; readonly numbers: readonly number[]; readonly replaces: boolean }
  | { readonly kind: 'claim' | 'commit' | 'crash' }

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('publish' as const),
    numbers: fc.array(fc.nat(20), { maxLength: 4 }),
    replaces: fc.constant(false),
  }),
  fc.record({
    kind: fc.constantFrom('claim' as const, 'claim' as const, 'commit' as const, 'crash' as const),
  }),
)

//= PAL-SDC-032
test('no one-time prekey is given out twice, whatever is committed when, and whenever it crashes', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
      const store = new MemoryStore(true)
      const limits = { prekeysPerKey: 6, prekeysMs: 1000 }
      let waiting: StoreWrite[] = []
      let turn = 1
      let shelf = new PrekeyShelf(store, limits, (write) => waiting.push(write))
      const given = new Set<number>()
      /** Claimed, and not out before the commit. */
      let held: number[] = []
      for (const step of steps) {
        const at = { keyHex: 'aa', wallMs: 0, turn }
        if (step.kind === 'publish')
          shelf.publish(
            { replaces: step.replaces, bundle: BUNDLE, prekeys: step.numbers.map((each) => prekey(each)) },
            at,
          )
        else if (step.kind === 'claim') {
          const number = shelf.claim(at)?.prekeys[0]?.number
          if (number !== undefined) held.push(number)
        } else if (step.kind === 'commit') {
          store.commit(waiting)
          shelf.handleCommitted(turn++)
          for (const number of held) {
            expect(given.has(number)).toBe(false)
            given.add(number)
          }
          held = []
          waiting = []
        } else {
          shelf = new PrekeyShelf(store, limits, (write) => waiting.push(write))
          held = []
          waiting = []
        }
      }
    }),
    { numRuns: 300 },
  )
})
