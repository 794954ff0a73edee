/** A durable client against the real relay core, and what a session makes of a relay that a test plays. */
import { describe, expect, test } from 'vitest'
import { utf8Bytes } from '../../src/base/index.ts'
import { EVENTS, encodeFrame, type Frame, GAP_REASONS, LIMIT_IDS, LIMITS } from '../../src/codec/index.ts'
import { type ClientRecord, DurableClient, type DurableEvent, Keeping } from '../../src/protocol/index.ts'
import { eventFrame, messageFrame, PlayedClient } from './played-relay.ts'
import { clientIdOf, identityOf, type Wire, World } from './world.ts'

/** A durable client on a wire of a world. */
class Durable {
  readonly world: World
  readonly client: DurableClient
  readonly events: DurableEvent[] = []
  readonly records: ClientRecord[] = []
  wire: Wire | undefined

  constructor(world: World, name: string, keeping = new Keeping()) {
    this.world = world
    const { signatures, entropy } = world
    this.client = new DurableClient({
      name,
      identity: identityOf(name),
      clientId: clientIdOf(name),
      agent: 'test/1',
      signatures,
      entropy,
      keeping,
      isKept: true,
      redials: 'always',
    })
    this.#dial()
    this.settle()
  }

  #dial(): void {
    this.wire = this.world.open()
    this.client.openLink(new Uint8Array(0), this.world.now)
  }

  /** Moves bytes both ways, and dials when it is asked for, until nothing moves. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = this.#drain()
      for (let item = this.#next(); item; item = this.#next()) {
        this.wire?.deliver(item.bytes, item.lane)
        moved = true
      }
      this.world.flush()
      for (const frame of this.wire?.raw.splice(0) ?? []) {
        moved = true
        const bytes = Buffer.from(frame, 'hex')
        const length = Buffer.alloc(4)
        length.writeUInt32BE(bytes.length)
        this.client.handleBytes(0, Buffer.concat([length, bytes]), this.world.now)
      }
    }
  }

  #next() {
    return this.wire?.isOver ? undefined : this.client.pollTransmit(this.world.now)
  }

  #drain(): boolean {
    let moved = false
    const records = this.client.takeRecords()
    this.records.push(...records)
    if (records.length > 0) this.client.handleKept()
    for (let event = this.client.pollEvent(); event; event = this.client.pollEvent()) {
      this.events.push(event)
      moved = true
      if (event.kind === 'dial') this.#dial()
    }
    return moved
  }

  cut(): void {
    this.wire?.cut()
    this.client.handleEnd(this.world.now)
    this.settle()
  }

  /** Lets so much time pass for the client, too. */
  sleep(ms: number): void {
    this.world.advance(ms)
    this.client.handleTimeout(this.world.now)
    this.settle()
  }

  of<Kind extends DurableEvent['kind']>(kind: Kind): Extract<DurableEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<DurableEvent, { kind: Kind }> => event.kind === kind)
  }
}

describe('a durable client', () => {
  //= PAL-HSK-046
  test('forgets a token that was refused, and signs in anew', () => {
    const world = new World()
    const alice = new Durable(world, 'alice')
    const ticket = alice.records.find((record) => record.kind === 'ticket')
    expect(ticket).toMatchObject({ name: 'alice' })
    alice.wire?.cut()
    alice.world.advance(LIMITS.resumeMs + 60_000)
    alice.client.handleEnd(world.now)
    alice.settle()
    alice.sleep(60_000)
    alice.sleep(60_000)
    const tickets = alice.records.filter((record) => record.kind === 'ticket')
    expect(tickets.map(({ token }) => token.length)).toEqual([32, 0, 32])
    expect(alice.of('status').at(-1)).toMatchObject({ state: 'online' })
  })

  //= PAL-ROM-059
  test('tells the relay how far it keeps a direct conversation, and not for each entry', () => {
    const world = new World()
    const alice = new Durable(world, 'alice')
    const bob = world.connect('bob')
    const { number } = bob.direct('alice')
    for (let i = 0; i < 30; i++) bob.say(number, `message ${i}`)
    alice.settle()
    const [joined] = alice.of('joined')
    const messages = alice.of('message')
    expect(messages).toHaveLength(30)
    for (const { message } of messages)
      alice.client.applied((joined as NonNullable<typeof joined>).conversation, message.seq, world.now)
    alice.settle()
    alice.sleep(2000)
    const [end] = [...world.relay.hub.directs.values()].flatMap(({ nature }) =>
      nature.kind === 1 ? nature.ends.filter(({ name }) => name === 'alice') : [],
    )
    expect(end?.cursor).toBe(30)
    expect(alice.records.filter(({ kind }) => kind === 'cursor').length).toBeLessThan(4)
  })

  //= PAL-ROM-061
  test('tells the application of entries that are there no longer', () => {
    const world = new World({ limits: { retentionBytes: 2000 } })
    const alice = new Durable(world, 'alice')
    const number = alice.client.request({ type: 'join', room: 'lobby', options: 0 }, { seq: 0 })
    alice.settle()
    expect(number).toBeGreaterThan(0)
    alice.wire?.cut()
    const bob = world.connect('bob')
    const room = bob.join('lobby')
    for (let i = 0; i < 400; i++) bob.say(room.number, `message ${i}`)
    alice.cut()
    alice.sleep(60_000)
    const [gap] = alice.of('gap')
    expect(gap).toMatchObject({ reason: GAP_REASONS.retention })
    expect(alice.of('message').at(-1)?.message.seq).toBeGreaterThan(100)
  })
})

describe('a session', () => {
  //= PAL-ROM-044
  test('counts the entries of a gap as passed', () => {
    const client = new PlayedClient().inRoom()
    client.give({ type: 'gap', conversation: 1, from: 1, to: 6, reason: 1 }).give(messageFrame({ seq: 7 }))
    expect(client.session.state).toBe('open')
    expect(client.session.conversations.get(1)?.seq).toBe(7)
    client.give({ type: 'gap', conversation: 1, from: 10, to: 11, reason: 1 }).give(messageFrame({ seq: 12 }))
    expect(client.session.state).toBe('closed')
  })

  //= PAL-ROM-055
  test.each([
    ['another conversation', [messageFrame({ conversation: 2 })]],
    ['another order', [messageFrame({ seq: 2 }), messageFrame({ seq: 1 })]],
    ['another frame', [{ type: 'pong', nonce: 1, conversation: 1 } as Frame]],
  ])('closes for a history of %s', (_, frames) => {
    const client = new PlayedClient().inRoom()
    client.session.request({ type: 'fetch', conversation: 1, from: 1, count: 9 })
    const entries = Buffer.concat(frames.map((frame) => encodeFrame(frame)))
    client.give({ type: 'history', request: 2, conversation: 1, senders: [], entries, more: false })
    expect(client.session.state).toBe('closed')
  })

  test('reads a history that is sound', () => {
    const client = new PlayedClient().inRoom()
    client.session.request({ type: 'fetch', conversation: 1, from: 1, count: 9 })
    const frames = [
      eventFrame({ seq: 3, kind: EVENTS.topic }),
      messageFrame({ seq: 4, body: utf8Bytes('hi') }),
    ]
    const entries = Buffer.concat(frames.map((frame) => encodeFrame(frame)))
    client.give({ type: 'history', request: 2, conversation: 1, senders: [], entries, more: false })
    expect(client.session.state).toBe('open')
    expect(client.events.at(-1)).toMatchObject({ kind: 'history' })
  })

  //= PAL-SES-039
  test('keeps to the announced rates by itself', () => {
    const limits = [
      { id: LIMIT_IDS.sendsPerSecond, value: 10 },
      { id: LIMIT_IDS.sendsBurst, value: 5 },
    ]
    const client = new PlayedClient().inRoom(limits)
    for (let i = 0; i < 20; i++) client.session.send(1, 0, new Uint8Array(1))
    const sends = (): number => client.sentOf('send').length
    expect(sends()).toBe(5)
    expect(client.session.pollTimeout()).toBeLessThanOrEqual(client.world.now + 200)
    client.world.now = (client.world.now + 1000) as typeof client.world.now
    expect(sends()).toBe(10)
  })
})
