/**
 * Every course that a few people can take in a few steps, breadth first: handshake, resume, takeover, join,
 * leave, kick and messages sent again, on the real relay. A state that was seen is not gone on from. Mistakes
 * planted into the reducers must be found.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { equalBytes, hexOf } from '../../src/base/index.ts'
import type { Frame } from '../../src/codec/index.ts'
import { EVENTS } from '../../src/codec/index.ts'
import { Detached } from '../../src/protocol/relay/detached.ts'
import { Hub } from '../../src/protocol/relay/hub.ts'
import { Participants } from '../../src/protocol/relay/participants.ts'
import { Tokens } from '../../src/protocol/relay/tokens.ts'
import { authenticate, resume } from './raw-handshake.ts'
import { type Wire, World } from './world.ts'

const NAMES = ['alice', 'bob'] as const
const ACTIONS = NAMES.flatMap((name) =>
  (
    [
      'enter',
      'cut',
      'goodbye',
      'resume',
      'resumeOld',
      'join',
      'follow',
      'leave',
      'kick',
      'say',
      'again',
      'wait',
    ] as const
  ).map((what) => ({ name, what })),
)
type Action = (typeof ACTIONS)[number]
type Ready = Extract<Frame, { type: 'ready' }>
type Joined = Extract<Frame, { type: 'joined' }>

/** One of the people, as a simple client that keeps what it was told. */
class Actor {
  wire: Wire | undefined
  tickets: Ready[] = []
  joined: Joined | undefined
  ref = 0
  isIn = false
  /** The next entry expected, and every entry seen: position to what it said. */
  readonly seen = new Map<string, string>()
  accepted = 0
}

class Course {
  readonly world = new World({ seed: 'explore', limits: { detachedMs: 1000 } })
  readonly actors = new Map(NAMES.map((name) => [name as string, new Actor()]))
  readonly problems: string[] = []

  act({ name, what }: Action): boolean {
    const actor = this.actors.get(name) as Actor
    const isOpen = actor.wire?.link.state === 'open'
    const room = actor.joined
    if (what === 'wait') {
      if (name === 'bob') return false
      this.world.advance(1000)
    } else if (what === 'enter') {
      actor.wire = this.world.open()
      actor.isIn = false
      authenticate(actor.wire, name)
    } else if (what === 'resume' || what === 'resumeOld') {
      const ticket = what === 'resume' ? actor.tickets.at(-1) : actor.tickets.at(-3)
      if (!ticket) return false
      const before = actor.wire
      const wire = resume(this.world.open(), name, ticket)
      const wasTaken = wire.link.state === 'open'
      if (what === 'resumeOld' && wasTaken) this.problems.push('a used token was good')
      if (wasTaken || before?.link.state === 'closed') {
        actor.wire = wire
        actor.isIn = false
      }
      if (wasTaken) wire.send({ type: 'ping', nonce: 1, conversation: 0 })
    } else if (!isOpen || !actor.wire) return false
    else if (what === 'cut') actor.wire.cut()
    else if (what === 'goodbye') actor.wire.send({ type: 'close', code: 256, text: '', retryMs: 0 })
    else if (what === 'join') actor.wire.send({ type: 'join', request: 1, room: 'hall', options: 0 })
    else if (!room) return false
    else if (what === 'follow')
      actor.wire.send({ type: 'follow', request: 2, conversation: room.conversation, log: room.log, seq: 0 })
    else if (what === 'leave') actor.wire.send({ type: 'leave', request: 3, conversation: room.conversation })
    else if (what === 'kick') {
      const target = name === 'alice' ? 'bob' : 'alice'
      actor.wire.send({ type: 'kick', request: 4, conversation: room.conversation, name: target, reason: '' })
    } else {
      const ref = what === 'say' ? actor.ref + 1 : actor.ref
      if (ref === 0) return false
      const body = new TextEncoder().encode(`${name} ${ref}`)
      actor.wire.send({ type: 'send', conversation: room.conversation, ref, kind: 0, body })
    }
    this.world.settle()
    for (const [who, each] of this.actors) this.#read(who, each)
    this.#check()
    return true
  }

  #read(name: string, actor: Actor): void {
    for (const frame of actor.wire?.received() ?? []) {
      if (frame.type === 'ready') actor.tickets.push(frame)
      if (frame.type === 'joined') {
        actor.joined = frame
        actor.ref = frame.ref
        actor.isIn = true
        if (frame.ref < actor.accepted && hexOf(frame.log) === this.#logOf(actor))
          this.problems.push(`${name}: refs fell back`)
        actor.accepted = frame.ref
      }
      if (frame.type !== 'message' && frame.type !== 'event') continue
      if (!actor.isIn) this.problems.push(`${name} got an entry outside a membership`)
      const key = `${this.#logOf(actor)}:${frame.seq}`
      const said = frame.type === 'message' ? new TextDecoder().decode(frame.body) : `event ${frame.kind}`
      if ((actor.seen.get(key) ?? said) !== said) this.problems.push(`${key} changed`)
      actor.seen.set(key, said)
      const alias = actor.joined?.alias
      if (frame.type === 'message' && frame.sender === alias) {
        actor.ref = Math.max(actor.ref, frame.ref)
        actor.accepted = actor.ref
      }
      const isEnd = frame.type === 'event' && [EVENTS.left, EVENTS.kicked].includes(frame.kind as 2 | 3)
      // What is replayed tells of earlier memberships.
      const isNew = frame.seq > (actor.joined?.head ?? 0)
      if (isEnd && isNew && frame.subject === alias) actor.isIn = false
    }
  }

  #logOf(actor: Actor): string {
    return actor.joined ? hexOf(actor.joined.log) : ''
  }

  /** What must hold between any two steps. */
  #check(): void {
    const { hub } = this.world.relay
    for (const session of hub.sessions.values())
      if (session.link.state !== 'open') this.problems.push('a session on a closed link')
    for (const room of hub.rooms.values()) {
      const keys = room.members.map(({ participant }) => participant.keyHex)
      if (new Set(keys).size !== keys.length) this.problems.push('an identity is a member twice')
      for (const { session } of room.members)
        if (session && hub.sessions.get(session.keyHex) !== session)
          this.problems.push('a member without a session')
    }
    for (const [, actor] of this.actors) {
      const texts = [...actor.seen.values()].filter((text) => !text.startsWith('event'))
      if (new Set(texts).size !== texts.length) this.problems.push('a message is in the log twice')
    }
  }

  /** What decides about the future. */
  get state(): string {
    const { hub } = this.world.relay
    const rooms = [...hub.rooms.values()].map(({ members, hasMessage, participants }) => [
      members.map(({ participant, session, role }) => [participant.alias, session !== undefined, role]),
      hasMessage,
      [...(participants?.all ?? [])].map(({ alias, ref, present }) => [alias, Math.min(ref, 2), present]),
    ])
    const actors = [...this.actors.values()].map(({ wire, tickets, joined, isIn, ref }) => [
      wire?.link.state,
      tickets.slice(-3).map(({ session }) => equalBytes(session, (tickets.at(-1) as Ready).session)),
      joined !== undefined,
      isIn,
      Math.min(ref, 2),
    ])
    return JSON.stringify([rooms, [...hub.sessions.keys()].length, actors])
  }
}

/** Goes through all courses of so many steps; the states seen, and the first course that went wrong. */
function explore(depth: number): { readonly states: number; readonly problem: string | undefined } {
  const seen = new Set<string>()
  let front: Action[][] = [[]]
  for (let step = 0; step < depth; step++) {
    const next: Action[][] = []
    for (const path of front)
      for (const action of ACTIONS) {
        const course = new Course()
        const isTaken = [...path, action].map((each) => course.act(each)).at(-1)
        const words = [...path, action].map(({ name, what }) => `${name} ${what}`).join(', ')
        if (course.problems.length > 0)
          return { states: seen.size, problem: `${course.problems[0]} (${words})` }
        const { state } = course
        if (!isTaken || seen.has(state)) continue
        seen.add(state)
        next.push([...path, action])
      }
    front = next
  }
  return { states: seen.size, problem: undefined }
}

afterEach(() => {
  vi.restoreAllMocks()
})

test('no course of six steps breaks a rule', () => {
  const { states, problem } = explore(6)
  console.log(`${states} states`)
  expect(problem).toBeUndefined()
  expect(states).toBeGreaterThan(300)
}, 120_000)

describe('a mistake is found:', () => {
  test('a used token stays good', () => {
    vi.spyOn(Tokens.prototype, 'judge').mockReturnValue('good')
    expect(explore(4).problem).toContain('used token')
  }, 120_000)

  test('an older session lives on beside the newer one', () => {
    vi.spyOn(Hub.prototype, 'replaceSession').mockImplementation(() => {})
    expect(explore(4).problem).toBeDefined()
  }, 120_000)

  test('a detached membership is not found again', () => {
    vi.spyOn(Detached.prototype, 'find').mockReturnValue(undefined)
    expect(explore(5).problem).toContain('twice')
  }, 120_000)

  test('refs begin anew in each membership', () => {
    const { find } = Participants.prototype
    vi.spyOn(Participants.prototype, 'find').mockImplementation(function (this: Participants, key, client) {
      const found = find.call(this, key, client)
      if (found && !found.present) found.ref = 0
      return found
    })
    expect(explore(5).problem).toBeDefined()
  }, 120_000)
})
