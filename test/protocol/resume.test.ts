/** Taking sessions up again: tokens that are good once, and what the client and the relay do around them. */
import { describe, expect, test } from 'vitest'
import { equalBytes, hexOf } from '../../src/base/index.ts'
import { ERRORS, encodeFrame, type Frame, LIMITS } from '../../src/codec/index.ts'
import { MemoryStore, resumeMessage, transcriptHash } from '../../src/protocol/index.ts'
import { authenticate, codeOf, HELLO, openRaw, resume, resumeFor } from './raw-handshake.ts'
import { identityOf, type Wire, World } from './world.ts'

type Ready = Extract<Frame, { type: 'ready' }>
type Challenge = Extract<Frame, { type: 'challenge' }>

/** Opens a session by hand; its ready. */
function enter(world: World, name: string): { readonly wire: Wire; readonly ready: Ready } {
  const wire = world.open()
  authenticate(wire, name)
  return { wire, ready: wire.received().find((frame) => frame.type === 'ready') as Ready }
}

function readyOf(wire: Wire): Ready {
  return wire.received().find((frame) => frame.type === 'ready') as Ready
}

describe('a session', () => {
  //= PAL-HSK-039
  //= PAL-HSK-043
  //= PAL-HSK-044
  test('is taken up with its number, and gets a new token each time', () => {
    const world = new World()
    const { wire, ready } = enter(world, 'alice')
    const tokens = new Set([hexOf(ready.token)])
    wire.cut()
    let last = ready
    for (let i = 0; i < 5; i++) {
      const again = resume(world.open(), 'alice', last)
      const next = readyOf(again)
      expect(next).toMatchObject({ name: 'alice', role: ready.role })
      expect(equalBytes(next.session, ready.session)).toBe(true)
      tokens.add(hexOf(next.token))
      again.send({ type: 'ping', nonce: 1, conversation: 0 }).received()
      again.cut()
      last = next
    }
    expect(tokens.size).toBe(6)
  })

  //= PAL-HSK-041
  test('is refused in the order of the specification', () => {
    const world = new World({ limits: { sessions: 1 } })
    const { wire, ready } = enter(world, 'alice')
    const code = (name: string, about: Pick<Ready, 'session' | 'token'>): number | undefined =>
      resume(world.open(), name, about).closeCode
    expect(code('alice', { ...ready, session: new Uint8Array(16) })).toBe(ERRORS.cannot_resume)
    expect(code('mallory', ready)).toBe(ERRORS.bad_signature)
    expect(code('alice', { ...ready, token: new Uint8Array(32) })).toBe(ERRORS.cannot_resume)
    wire.cut()
    world.connect('bob')
    expect(code('alice', ready)).toBe(ERRORS.relay_full)
    const operators = new Set([hexOf(identityOf('boss').publicKey)])
    const other = new World({ operators })
    const { ready: held } = enter(other, 'alice')
    other.connect('boss').ask({ type: 'ban', conversation: 0, name: 'alice', seconds: 0, reason: '' })
    expect(resume(other.open(), 'alice', held).closeCode).toBe(ERRORS.banned)
    world.advance(LIMITS.resumeMs + 1)
    expect(code('alice', ready)).toBe(ERRORS.cannot_resume)
  })

  //= PAL-HSK-042
  test('whose used token comes again is over for everybody who has it', () => {
    const world = new World()
    const { ready } = enter(world, 'alice')
    const mine = resume(world.open(), 'alice', ready)
    const { token, session } = readyOf(mine)
    mine.send({ type: 'ping', nonce: 1, conversation: 0 }).received()
    const thief = resume(world.open(), 'alice', ready)
    expect(thief.closeCode).toBe(codeOf('session_revoked'))
    expect(mine.closeCode).toBe(codeOf('session_revoked'))
    expect(resume(world.open(), 'alice', { session, token }).closeCode).toBe(codeOf('cannot_resume'))
    enter(world, 'alice')
  })

  test('whose ready was lost is taken up with the token before', () => {
    const world = new World()
    const { ready } = enter(world, 'alice')
    const lost = resume(world.open(), 'alice', ready)
    lost.cut()
    const again = resume(world.open(), 'alice', ready)
    expect(again.closeCode).toBeUndefined()
    expect(readyOf(again)).toBeDefined()
  })

  //= PAL-HSK-040
  //= PAL-HSK-045
  test('outlives the relay, of which nothing but hashes of tokens is kept', () => {
    const world = new World({ storage: new MemoryStore(true) })
    const { ready } = enter(world, 'alice')
    const kept = JSON.stringify(world.storage.state)
    expect(kept).toContain(hexOf(ready.session))
    expect(kept).not.toContain(hexOf(ready.token))
    const next = new World({ storage: (world.storage as MemoryStore).snapshot() })
    const again = resume(next.open(), 'alice', ready)
    expect(equalBytes(readyOf(again).session, ready.session)).toBe(true)
  })

  test('takes over from its older link, whose memberships wait for it', () => {
    const world = new World()
    const { wire, ready } = enter(world, 'alice')
    const bob = openRaw(world, 'bob')
    const join: Frame = { type: 'join', request: 1, room: 'lobby', options: 0 }
    bob.send(join).received()
    const [joined] = wire.send(join).framesOf('joined')
    bob.received()
    const again = resume(world.open(), 'alice', ready)
    const { conversation, log, seq } = joined as Extract<Frame, { type: 'joined' }>
    again.send({ type: 'follow', request: 1, conversation, log, seq })
    expect(again.received().map(({ type }) => type)).toEqual(['ready', 'joined', 'event'])
    expect(wire.closeCode).toBe(codeOf('replaced'))
    expect(bob.received()).toEqual([])
  })
})

describe('a client', () => {
  //= PAL-HSK-039
  //= PAL-HSK-047
  //= PAL-HSK-048
  test('resumes with one round trip behind hello, following at once and sending nothing else', () => {
    const world = new World()
    const first = world.connect('alice')
    const room = first.join('lobby')
    first.say(room.number, 'hello')
    const { session, token } = first.session.facts as NonNullable<typeof first.session.facts>
    first.wire.cut()
    const again = world.dial('alice', { resume: { session, token, name: 'alice' } })
    while (again.transmit());
    world.flush()
    expect(again.session.state).toBe('expect_ready')
    again.session.request({ type: 'follow', conversation: room.number, log: room.log, seq: 1 })
    expect(() => again.session.send(room.number, 0, new Uint8Array(1))).toThrow('not open')
    expect(() => again.session.cursor(room.number, 1)).toThrow('not open')
    expect(() => again.session.request({ type: 'list', after: '' })).toThrow('not open')
    while (again.transmit());
    world.flush()
    expect(again.texts).toEqual(['alice: hello'])
  })

  test('signs the transcript, the session and the token', () => {
    const world = new World()
    const { session, token } = enter(world, 'alice').ready
    const wire = world.open().send(HELLO)
    const [challenge] = wire.framesOf('challenge') as [Challenge]
    const { signature } = resumeFor(world, challenge, identityOf('alice'), { session, token })
    const words = {
      binding: new Uint8Array(0),
      hello: encodeFrame(HELLO).subarray(4),
      challenge: encodeFrame(challenge).subarray(4),
    }
    const transcript = transcriptHash(world.signatures, words)
    const label = new TextEncoder().encode('palaver/1/resume\0')
    const message = Buffer.concat([label, transcript, session, token])
    expect(Buffer.from(resumeMessage(transcript, { session, token }))).toEqual(message)
    expect(world.signatures.verify(identityOf('alice').publicKey, signature, message)).toBe(true)
  })
})
