import { describe, expect, test } from 'vitest'
import { hexOf, utf8Bytes } from '../../src/base/index.ts'
import {
  CAPABILITIES,
  encodeFrame,
  type Frame,
  LIMIT_IDS,
  LIMITS,
  RELAY_LIMITS,
  ROLES,
} from '../../src/codec/index.ts'
import { identityOfSeed, nodeSignatures } from '../../src/node/primitives.ts'
import { readyMessage, transcriptHash } from '../../src/protocol/index.ts'
import { authenticate, authFor, codeOf, HELLO, openRaw } from './raw-handshake.ts'
import { identityOf, storeOf, World } from './world.ts'

const keyHex = (word: string): string => hexOf(identityOf(word).publicKey)

/** What the relay closes with after hello and auth. */
function refusal(
  world: World,
  name: string,
  changes: Parameters<typeof authenticate>[2] = {},
): number | undefined {
  const wire = world.open()
  authenticate(wire, name, changes)
  return wire.closeCode
}

describe('a handshake that goes well', () => {
  //= PAL-HSK-003
  //= PAL-HSK-021
  test('opens a session on both ends, with what the relay says of itself', () => {
    const world = new World()
    const alice = world.connect('alice', { host: '192.0.2.7' })
    expect(alice.session.facts).toMatchObject({
      name: 'alice',
      relayName: 'kitchen',
      address: '192.0.2.7:50000',
      role: ROLES.member,
      relayKey: world.identity.publicKey,
      capabilities: [],
    })
    expect(alice.session.facts?.session).toHaveLength(16)
    expect(world.relay.hub.sessions.size).toBe(1)
    expect(world.relayEvents.map((event) => event.kind)).toEqual(['session_opened'])
  })

  //= PAL-HSK-009
  test.each([
    [undefined, 'local'],
    ['192.0.2.7', '192.0.2.7:50000'],
    ['2001:db8::1', '[2001:db8::1]:50000'],
  ])('tells a client at %s that it is seen at %s', (host, address) => {
    const world = new World()
    const [challenge] = world.open(host).send(HELLO).framesOf('challenge')
    expect(challenge?.address).toBe(address)
  })

  //= PAL-HSK-013
  //= PAL-HSK-011
  test('is signed by the relay over what was really sent', () => {
    const world = new World()
    const wire = world.open()
    wire.send(HELLO)
    const [challenge] = wire.framesOf('challenge')
    const auth = authFor(world, HELLO, challenge as Extract<Frame, { type: 'challenge' }>, 'alice')
    wire.send(auth)
    const [ready] = wire.framesOf('ready')
    const hello = encodeFrame(HELLO).subarray(4)
    const words = {
      binding: new Uint8Array(0),
      hello,
      challenge: encodeFrame(challenge as Frame).subarray(4),
    }
    const claims = { authSignature: auth.signature, session: ready?.session as Uint8Array, name: 'alice' }
    const message = readyMessage(transcriptHash(world.signatures, words), claims)
    expect(world.signatures.verify(world.identity.publicKey, ready?.signature as Uint8Array, message)).toBe(
      true,
    )
  })

  //= PAL-LIM-002
  test('announces every limit of the relay once, with the value in force', () => {
    const world = new World({ limits: { sessions: 7 } })
    const wire = world.open()
    authenticate(wire, 'alice')
    const limits = wire.framesOf('ready')[0]?.limits ?? []
    expect(limits.map(({ id }) => id).sort()).toEqual(RELAY_LIMITS.map((name) => LIMIT_IDS[name]).sort())
    expect(limits.find(({ id }) => id === LIMIT_IDS.sessions)?.value).toBe(7)
    expect(limits.find(({ id }) => id === LIMIT_IDS.idleMs)?.value).toBe(LIMITS.idleMs)
  })

  //= PAL-HSK-006
  //= PAL-EXT-003
  //= PAL-EXT-008
  test('chooses no capability that the relay does not know, grease included', () => {
    const world = new World()
    const capabilities = [CAPABILITIES.grease_0, 3, 2, 65535, CAPABILITIES.grease_3, 3]
    expect(
      world
        .open()
        .send({ ...HELLO, capabilities })
        .framesOf('challenge')[0]?.capabilities,
    ).toEqual([])
  })

  test('works with real signatures', () => {
    const world = new World({
      signatures: nodeSignatures,
      identity: identityOfSeed(new Uint8Array(32).fill(9)),
    } as object)
    const wire = world.open()
    const identity = identityOfSeed(new Uint8Array(32).fill(7))
    authenticate(wire, 'alice', { identity })
    expect(wire.framesOf('ready')).toHaveLength(1)
    const other = world.open()
    authenticate(other, 'bob', { identity: identityOfSeed(new Uint8Array(32).fill(8)), spoil: true })
    expect(other.closeCode).toBe(codeOf('bad_signature'))
  })
})

describe('refusals', () => {
  //= PAL-HSK-005
  test('no version in common', () => {
    const wire = new World().open().send({ ...HELLO, versions: [2, 3] })
    expect(wire.closeCode).toBe(codeOf('unsupported_version'))
    expect(wire.isFinished).toBe(true)
  })

  //= PAL-HSK-004
  test('a version in common is found anywhere in the list', () => {
    const wire = new World().open().send({ ...HELLO, versions: [9, 2, 1, 7] })
    expect(wire.framesOf('challenge')[0]?.version).toBe(1)
  })

  //= PAL-HSK-023
  test('a name that is not well-formed', () => {
    expect(refusal(new World(), '.alice')).toBe(codeOf('bad_name'))
  })

  test.each(['', 'wrong', 'secret ', 'secre', 'Secret'])(
    'the token "%s" where the relay asks for another',
    (token) => {
      const world = new World({ admission: { token: 'secret' } })
      expect(refusal(world, 'alice', { token })).toBe(codeOf('not_admitted'))
      expect(refusal(world, 'alice', { token: 'secret' })).toBeUndefined()
    },
  )

  test('a key that is not on the list', () => {
    const world = new World({ admission: { keys: new Set([keyHex('alice')]) } })
    expect(refusal(world, 'bob')).toBe(codeOf('not_admitted'))
    expect(refusal(world, 'alice')).toBeUndefined()
  })

  //= PAL-HSK-014
  test.each([
    ['a changed bit', { spoil: true }],
    ['a name that was not signed', { signedName: 'bob' }],
    ['a binding to another link', { binding: utf8Bytes('another link') }],
  ])('a signature with %s', (_what, changes) => {
    expect(refusal(new World(), 'alice', changes)).toBe(codeOf('bad_signature'))
  })

  test('a signature made for another handshake', () => {
    const world = new World()
    const first = world.open().send(HELLO)
    const challenge = first.framesOf('challenge')[0] as Extract<Frame, { type: 'challenge' }>
    const stolen = authFor(world, HELLO, challenge, 'alice')
    const second = world.open().send(HELLO)
    expect(second.framesOf('challenge')).toHaveLength(1)
    expect(second.send(stolen).closeCode).toBe(codeOf('bad_signature'))
    expect(first.send(stolen).framesOf('ready')).toHaveLength(1)
  })

  //= PAL-HSK-027
  test.each(['alice', 'ALICE', 'Alice', 'a1ice'])(
    'the name %s when alice is bound to another key',
    (name) => {
      const world = new World()
      world.connect('alice').wire.cut()
      expect(refusal(world, name, { identity: identityOf('mallory') })).toBe(codeOf('name_taken'))
      expect(refusal(world, 'Alice', { identity: identityOf('alice') })).toBeUndefined()
    },
  )

  //= PAL-HSK-027
  test('a name in another script that looks like a bound one', () => {
    const world = new World()
    world.connect('cope')
    expect(refusal(world, '\u0441\u043e\u0440\u0435', { identity: identityOf('mallory') })).toBe(
      codeOf('name_taken'),
    )
  })

  //= PAL-HSK-028
  test('one name more than an identity may have', () => {
    const world = new World({ limits: { namesPerKey: 2 } })
    const identity = identityOf('mallory')
    expect(refusal(world, 'one', { identity })).toBeUndefined()
    expect(refusal(world, 'two', { identity })).toBeUndefined()
    expect(refusal(world, 'three', { identity })).toBe(codeOf('name_taken'))
    expect(refusal(world, 'One', { identity })).toBeUndefined()
  })

  //= PAL-HSK-038
  test('a new name when the relay has bound as many as it may; known ones go on', () => {
    const world = new World({ limits: { names: 2 } })
    expect(refusal(world, 'one')).toBeUndefined()
    expect(refusal(world, 'two')).toBeUndefined()
    expect(refusal(world, 'three')).toBe(codeOf('relay_full'))
    expect(refusal(world, 'two')).toBeUndefined()
  })

  //= PAL-HSK-061
  test('more wrong tokens from one address than it may try', () => {
    const limits = { refusalsPerMinute: 6, refusalsBurst: 3 }
    const world = new World({ limits, admission: { token: 'secret' } })
    const attempt = (host: string, token: string): number | undefined => {
      const wire = world.open(host).send(HELLO)
      const challenge = wire.framesOf('challenge')[0] as Extract<Frame, { type: 'challenge' }>
      const { closeCode } = wire.send(authFor(world, HELLO, challenge, 'alice', { token }))
      wire.cut()
      return closeCode
    }
    const wrong = codeOf('not_admitted')
    const guesses = ['a', 'b', 'c', 'd', 'secret'].map((token) => attempt('192.0.2.1', token))
    expect(guesses).toEqual([wrong, wrong, wrong, codeOf('rate_exceeded'), codeOf('rate_exceeded')])
    expect(attempt('192.0.2.2', 'secret')).toBeUndefined()
    world.advance(10_000)
    expect([attempt('192.0.2.1', 'e'), attempt('192.0.2.1', 'secret')]).toEqual([
      wrong,
      codeOf('rate_exceeded'),
    ])
    world.advance(10_000)
    expect(attempt('192.0.2.1', 'secret')).toBeUndefined()
  })

  //= PAL-HSK-018
  test('come in the order of the specification', () => {
    const world = new World({
      limits: { sessions: 1 },
      admission: { token: 'secret' },
      storage: storeOf([
        { kind: 'name', record: { name: 'taken', folded: 'taken', keyHex: keyHex('owner') } },
        {
          kind: 'ban',
          record: { name: 'mallory', keyHex: keyHex('mallory'), untilMs: undefined, reason: '' },
        },
      ]),
    })
    world.connect('alice', { token: 'secret' })
    const mallory = identityOf('mallory')
    const other = identityOf('other')
    const spoil = true
    const token = 'secret'
    expect(refusal(world, '-', { identity: mallory, spoil })).toBe(codeOf('bad_name'))
    expect(refusal(world, 'taken', { identity: mallory, spoil })).toBe(codeOf('not_admitted'))
    expect(refusal(world, 'taken', { identity: mallory, spoil, token })).toBe(codeOf('banned'))
    expect(refusal(world, 'taken', { identity: other, spoil, token })).toBe(codeOf('bad_signature'))
    expect(refusal(world, 'taken', { identity: other, token })).toBe(codeOf('name_taken'))
    expect(refusal(world, 'other', { identity: other, token })).toBe(codeOf('relay_full'))
  })

  //= PAL-HSK-019
  //= PAL-HSK-029
  test('leave nothing behind: a name is free after every refusal', () => {
    const world = new World({ limits: { sessions: 1 } })
    world.connect('alice')
    expect(refusal(world, 'bob', { identity: identityOf('mallory') })).toBe(codeOf('relay_full'))
    expect(refusal(world, 'bob', { spoil: true })).toBe(codeOf('bad_signature'))
    expect(world.storage.state.directory).toHaveLength(1)
    for (const wire of world.wires) wire.cut()
    expect(world.relay.hub.links.size).toBe(0)
    world.connect('bob')
  })

  test('a refused handshake disturbs nobody', () => {
    const world = new World()
    const alice = world.connect('alice')
    const room = alice.join('lobby')
    refusal(world, 'alice', { identity: identityOf('mallory') })
    world.open().deliver(utf8Bytes('GET / HTTP/1.1\r\n\r\n'))
    alice.say(room.number, 'still here')
    expect(alice.texts).toEqual(['alice: still here'])
  })
})

describe('places', () => {
  test('a full relay refuses, and a place that becomes free can be taken at once', () => {
    const world = new World({ limits: { sessions: 2 } })
    const alice = world.connect('alice')
    world.connect('bob')
    const carol = world.dial('carol')
    world.settle()
    expect(carol.endedBy).toBe('relay_full')
    alice.session.close()
    world.settle()
    world.connect('carol')
  })

  //= PAL-HSK-030
  //= PAL-HSK-031
  //= PAL-HSK-032
  test('a newer session of the same identity takes over, even on a full relay', () => {
    const world = new World({ limits: { sessions: 2 } })
    const alice = world.connect('alice')
    const bob = world.connect('bob')
    const room = alice.join('lobby')
    bob.join('lobby')
    const newer = world.connect('alice', { clientId: new Uint8Array(8) })
    expect(alice.endedBy).toBe('replaced')
    const left = bob.eventsOf('event').at(-1)?.event
    expect(left).toMatchObject({ conversation: room.number, kind: 2, name: 'alice', value: 4 })
    expect(world.relay.hub.sessions.size).toBe(2)
    expect(newer.session.conversations.size).toBe(0)
    const seen = world.relayEvents.filter((event) => event.kind === 'session_closed')
    expect(seen).toMatchObject([{ code: 'replaced' }])
  })

  test('a takeover by another name of the same identity', () => {
    const world = new World()
    const old = world.connect('alice')
    world.connect('alicia', { identity: 'alice' })
    expect(old.endedBy).toBe('replaced')
    expect(world.relay.hub.sessionsByName.has('alice')).toBe(false)
    expect(world.relay.hub.sessionsByName.has('alicia')).toBe(true)
  })

  test('a thousand takeovers leave one session', () => {
    const world = new World()
    for (let i = 0; i < 1000; i++) openRaw(world, 'alice')
    expect(world.relay.hub.sessions.size).toBe(1)
  })
})

describe('links', () => {
  test('beyond the limit of one address are told so, other addresses are not', () => {
    const world = new World({ limits: { handshakesPerAddress: 3 } })
    const codes = [1, 2, 3, 4].map(() => world.open('192.0.2.1').closeCode)
    expect(codes).toEqual([undefined, undefined, undefined, codeOf('too_many_links')])
    expect(world.open('192.0.2.2').closeCode).toBeUndefined()
  })

  test('a finished handshake no longer counts as one, but as a link', () => {
    const world = new World({ limits: { handshakesPerAddress: 2, linksPerAddress: 3 } })
    for (const name of ['alice', 'bob', 'carol']) world.connect(name, { host: '192.0.2.1' })
    expect(world.open('192.0.2.1').closeCode).toBe(codeOf('too_many_links'))
  })

  //= PAL-HSK-037
  test('unfinished handshakes are bounded: the oldest makes room, so that nobody is kept out', () => {
    const world = new World({ limits: { handshakes: 3 } })
    const wires = [1, 2, 3].map((i) => world.open(`192.0.2.${i}`))
    world.connect('alice', { host: '192.0.2.9' })
    expect(wires.map((wire) => wire.closeCode)).toEqual([codeOf('too_many_links'), undefined, undefined])
    for (let i = 10; i < 60; i++) world.open(`192.0.2.${i}`)
    world.connect('bob', { host: '192.0.2.99' })
    expect(world.relay.hub.sessions.size).toBe(2)
  })

  test('exempt hosts have no limit of their own', () => {
    const world = new World({ limits: { linksPerAddress: 1 }, isExemptHost: (host) => host === '127.0.0.1' })
    for (let i = 0; i < 20; i++) expect(world.open('127.0.0.1').closeCode).toBeUndefined()
  })

  test('counting survives any order of opening, refusing and ending', () => {
    const world = new World({ limits: { handshakes: 5, handshakesPerAddress: 2, linksPerAddress: 3 } })
    for (let round = 0; round < 50; round++) {
      const wires = [0, 1, 2, 3, 4, 5, 6].map((i) => world.open(`192.0.2.${i % 3}`))
      if (round % 3 === 0) wires[0]?.send(Uint8Array.of(0, 0, 0, 0))
      world.settle()
      for (const wire of round % 2 ? wires : wires.reverse()) wire.cut()
    }
    expect(world.relay.hub.links.size).toBe(0)
    for (let i = 0; i < 2; i++) expect(world.open('192.0.2.1').closeCode).toBeUndefined()
  })
})
