/**
 * Any interleaving of joins, leaves, sends and kicks of several clients, cut into any pieces: what each
 * member saw is a part of one log without gap, in the same bytes for all.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfHex } from '../../src/base/index.ts'
import { decodeFrame, isFault } from '../../src/codec/index.ts'
import type { ReceivedMessage } from '../../src/protocol/index.ts'
import { type Cutter, type TestClient, World } from './world.ts'

const CLIENTS = 4
const ROOMS = ['kitchen', 'garden']

type Step =
  | {
      readonly do: 'join' | 'leave' | 'send' | 'kick' | 'direct'
      readonly who: number
      readonly what: number
    }
  | { readonly do: 'transmit'; readonly who: number; readonly what: number }
  | { readonly do: 'flush' | 'reconnect' | 'stick'; readonly who: number; readonly what: number }

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step['do']>('send') },
    { weight: 6, arbitrary: fc.constant<Step['do']>('transmit') },
    { weight: 3, arbitrary: fc.constantFrom<Step['do']>('join', 'flush') },
    { weight: 1, arbitrary: fc.constantFrom<Step['do']>('leave', 'kick', 'reconnect', 'stick', 'direct') },
  ),
  who: fc.nat(CLIENTS - 1),
  what: fc.nat(40),
}) as fc.Arbitrary<Step>

/** Cuts into pieces whose lengths follow from the seed. */
function cutterOf(seed: number): Cutter {
  let state = seed
  return (byteCount) => {
    const lengths: number[] = []
    for (let left = byteCount; left > 0; left -= lengths.at(-1) as number) {
      state = (state * 1103515245 + 12345) % 2147483648
      lengths.push(Math.min(left, 1 + (state % 37)))
    }
    return lengths
  }
}

/** One client slot: the client now, and those it was before. */
class Party {
  readonly world: World
  readonly clients: TestClient[]
  readonly all: TestClient[] = []
  readonly sent = new Map<TestClient, number>()

  constructor(seed: string, cut: number) {
    this.world = new World({ seed })
    this.clients = Array.from({ length: CLIENTS }, (_, i) => this.#connect(i, cut))
  }

  #connect(i: number, cut: number): TestClient {
    const client = this.world.connect(`user${i}`, { cutter: cutterOf(cut + i) })
    this.all.push(client)
    return client
  }

  run(script: readonly Step[], cut: number): void {
    for (const each of script) this.#act(each, cut)
    for (const wire of this.world.wires) wire.isStuck = false
    this.world.settle()
  }

  #act({ do: what, who, what: value }: Step, cut: number): void {
    const client = this.clients[who] as TestClient
    const { session, wire } = client
    const rooms = [...session.conversations.keys()]
    const conversation = rooms[value % (rooms.length || 1)] as number
    if (what === 'flush') this.world.flush()
    else if (what === 'stick') wire.isStuck = !wire.isStuck
    else if (what === 'reconnect') {
      wire.cut()
      this.clients[who] = this.#connect(who, cut + value)
    } else if (session.state !== 'open') return
    else if (what === 'transmit') for (let i = 0; i <= value % 5; i++) client.transmit(1 + value)
    else if (what === 'join')
      session.request({ type: 'join', room: ROOMS[value % 2] as string, options: value % 2 })
    else if (what === 'direct') session.request({ type: 'direct', name: `user${value % CLIENTS}` })
    else if (conversation === undefined) return
    else if (what === 'leave') session.request({ type: 'leave', conversation })
    else if (what === 'kick')
      session.request({ type: 'kick', conversation, name: `user${value % CLIENTS}`, reason: 'x' })
    else if (session.send(conversation, value % 4, new Uint8Array(value).fill(who)) !== undefined)
      this.sent.set(client, (this.sent.get(client) ?? 0) + 1)
  }
}

/** Whether the message is one that this session sent, and not one of the installation's earlier ones. */
function isAnswer(client: TestClient, { own, conversation, ref }: ReceivedMessage): boolean {
  const before = client.eventsOf('joined').find((event) => event.conversation === conversation)
  return own && ref > (before?.frame.ref ?? 0)
}

interface Entry {
  readonly seq: number
  readonly hex: string
}

/** The entries of each membership that the client had, from the bytes on its wire. */
function membershipsOf(
  client: TestClient,
): { conversation: number; from: number; entries: Entry[]; ended: boolean }[] {
  const found: {
    conversation: number
    from: number
    entries: Entry[]
    ended: boolean
    alias: number
    isDirect: boolean
  }[] = []
  const open = new Map<number, (typeof found)[number]>()
  for (const hex of client.wire.raw) {
    const frame = decodeFrame(bytesOfHex(hex) as Uint8Array)
    if (isFault(frame)) throw new Error('a fault')
    if (frame.type === 'joined' && !open.has(frame.conversation)) {
      const { conversation, seq: from, alias } = frame
      const membership = { conversation, from, entries: [], ended: false, alias, isDirect: frame.kind === 1 }
      open.set(conversation, membership)
      found.push(membership)
    } else if (frame.type === 'message' || frame.type === 'event') {
      const membership = open.get(frame.conversation)
      if (!membership) throw new Error(`an entry of conversation ${frame.conversation} outside a membership`)
      membership.entries.push({ seq: frame.seq, hex })
      const isEnd =
        frame.type === 'event' && [2, 3, 4].includes(frame.kind) && frame.subject === membership.alias
      if (isEnd) {
        membership.ended = true
        open.delete(frame.conversation)
      }
    } else if (frame.type === 'ok' && open.get(frame.conversation)?.isDirect) {
      // Leaving a direct conversation makes no entry: ok ends it, and nothing else is asked of it here.
      open.delete(frame.conversation)
    }
  }
  return found
}

function check(party: Party): void {
  const logs = new Map<number, Map<number, string>>()
  for (const client of party.all) {
    for (const { conversation, from, entries } of membershipsOf(client)) {
      //= PAL-ROM-002
      expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => from + 1 + i))
      const log = logs.get(conversation) ?? new Map<number, string>()
      logs.set(conversation, log)
      for (const { seq, hex } of entries) {
        //= PAL-ROM-003
        expect(log.get(seq) ?? hex).toBe(hex)
        log.set(seq, hex)
      }
    }
    // Every message sent in a session that lived was answered, once.
    if (client.session.state !== 'open') continue
    const answers = client.eventsOf('message').filter(({ message }) => isAnswer(client, message)).length
    const refusals = client.eventsOf('error').filter(({ frame }) => frame.ref > 0).length
    expect(answers + refusals).toBe(party.sent.get(client) ?? 0)
  }
  //= PAL-ROM-001
  const { rooms, directs } = party.world.relay.hub
  for (const { number, seq, members } of [...rooms.values(), ...directs.values()])
    for (const { session } of members) {
      const client = session?.link.owner.client as TestClient | undefined
      if (!client) continue
      expect(client.session.conversations.get(number)?.seq).toBe(seq)
    }
}

describe('any interleaving', () => {
  const script = fc.array(step, { minLength: 20, maxLength: 200, size: 'max' })

  test('gives every member a part of the same log, without gap and in the same bytes', () => {
    let entries = 0
    fc.assert(
      fc.property(script, fc.nat(1000), (steps, cut) => {
        const party = new Party('order', cut)
        party.run(steps, cut)
        check(party)
        entries += party.all.reduce((sum, client) => sum + client.eventsOf('message').length, 0)
      }),
      { numRuns: 150 },
    )
    expect(entries).toBeGreaterThan(500)
  })

  test('gives the same bytes again from the same seed', () => {
    fc.assert(
      fc.property(script, fc.nat(1000), fc.string({ maxLength: 4 }), (steps, cut, seed) => {
        const bytes = [1, 2].map(() => {
          const party = new Party(seed, cut)
          party.run(steps, cut)
          return party.all.map((client) => client.wire.raw)
        })
        expect(bytes[1]).toEqual(bytes[0])
      }),
      { numRuns: 20 },
    )
  })

  //= PAL-STR-007
  test('gives the same session however the bytes are cut', () => {
    const run = (cut: number) => {
      const party = new Party('cuts', cut)
      for (const client of party.clients) client.join('kitchen', 1)
      party.clients.forEach((client, i) => {
        for (let n = 0; n < 20; n++) client.session.send(1, 0, new Uint8Array(i * 30 + n))
        while (client.transmit(cut + 3));
      })
      party.world.settle()
      return party.clients.map((client) => client.wire.raw)
    }
    expect(run(40)).toEqual(run(1))
  })
})
