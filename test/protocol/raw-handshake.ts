/** Handshakes made by hand, for tests that want to get them wrong. */
import { utf8Bytes } from '../../src/base/index.ts'
import { ERRORS, type ErrorName, encodeFrame, type Frame, LIMIT_IDS, LIMITS } from '../../src/codec/index.ts'
import {
  authMessage,
  type Identity,
  readyMessage,
  resumeMessage,
  transcriptHash,
} from '../../src/protocol/index.ts'
import { identityOf, type Wire, type World } from './world.ts'

type FrameOf<Name extends Frame['type']> = Extract<Frame, { type: Name }>

export const HELLO: FrameOf<'hello'> = {
  type: 'hello',
  versions: [1],
  capabilities: [],
  nonce: utf8Bytes('a nonce that is chosen by nobody'),
  agent: 'by hand',
}

export const CLIENT_ID: Uint8Array = utf8Bytes('8 bytes.')

export interface AuthChanges {
  readonly identity?: Identity
  readonly token?: string
  readonly clientId?: Uint8Array
  readonly binding?: Uint8Array
  readonly spoil?: boolean
  /** What was signed, where it is not what is sent. */
  readonly signedName?: string
}

/** The auth that answers a challenge. */
export function authFor(
  world: World,
  hello: FrameOf<'hello'>,
  challenge: FrameOf<'challenge'>,
  name: string,
  changes: AuthChanges = {},
): FrameOf<'auth'> {
  const {
    identity = identityOf(name),
    token = '',
    clientId = CLIENT_ID,
    binding = new Uint8Array(0),
  } = changes
  const words = {
    binding,
    hello: encodeFrame(hello).subarray(4),
    challenge: encodeFrame(challenge).subarray(4),
  }
  const transcript = transcriptHash(world.signatures, words)
  const claims = { name: changes.signedName ?? name, key: identity.publicKey, clientId, token }
  const signature = world.signatures.sign(identity.seed, authMessage(transcript, claims)).slice()
  if (changes.spoil) signature[5] = (signature[5] as number) ^ 1
  return { type: 'auth', name, key: identity.publicKey, clientId, token, signature }
}

/** The resume that answers a challenge. */
export function resumeFor(
  world: World,
  challenge: FrameOf<'challenge'>,
  identity: Identity,
  { session, token }: { readonly session: Uint8Array; readonly token: Uint8Array },
): FrameOf<'resume'> {
  const words = {
    binding: new Uint8Array(0),
    hello: encodeFrame(HELLO).subarray(4),
    challenge: encodeFrame(challenge).subarray(4),
  }
  const message = resumeMessage(transcriptHash(world.signatures, words), { session, token })
  return { type: 'resume', session, token, signature: world.signatures.sign(identity.seed, message) }
}

/** Sends hello, then resume; leaves what the relay answered to resume in the wire. */
export function resume(
  wire: Wire,
  name: string,
  about: { readonly session: Uint8Array; readonly token: Uint8Array },
): Wire {
  wire.send(HELLO)
  const challenge = wire.received().find((frame) => frame.type === 'challenge')
  if (!challenge) throw new Error('no challenge')
  wire.send(resumeFor(wire.world, challenge, identityOf(name), about))
  wire.world.settle()
  return wire
}

/** Sends hello, then auth; leaves what the relay answered to auth in the wire. */
export function authenticate(wire: Wire, name: string, changes: AuthChanges = {}): void {
  const { world } = wire
  wire.send(HELLO)
  const challenge = wire.received().find((frame) => frame.type === 'challenge')
  if (!challenge) throw new Error('no challenge')
  wire.send(authFor(world, HELLO, challenge, name, changes))
  world.settle()
}

/** A link by hand whose session is open. */
export function openRaw(world: World, name: string, laneCount = 1): Wire {
  const wire = world.open(undefined, laneCount)
  authenticate(wire, name)
  if (!wire.received().some((frame) => frame.type === 'ready')) throw new Error(`${name} was not let in`)
  return wire
}

/** The challenge of a relay that a test plays. */
export function challengeOf(world: World): FrameOf<'challenge'> {
  return {
    type: 'challenge',
    version: 1,
    capabilities: [],
    relayKey: world.identity.publicKey,
    nonce: world.entropy(32),
    address: '192.0.2.7:50000',
    relayName: 'by hand',
  }
}

/** The ready of a relay that a test plays. */
export function readyFor(
  world: World,
  hello: Uint8Array,
  challenge: FrameOf<'challenge'>,
  auth: FrameOf<'auth'>,
): FrameOf<'ready'> {
  const words = { binding: new Uint8Array(0), hello, challenge: encodeFrame(challenge).subarray(4) }
  const session = world.entropy(16)
  const claims = { authSignature: auth.signature, session, name: auth.name }
  const message = readyMessage(transcriptHash(world.signatures, words), claims)
  return {
    type: 'ready',
    session,
    name: auth.name,
    role: 0,
    time: 5,
    limits: [{ id: LIMIT_IDS.idleMs, value: LIMITS.idleMs }],
    signature: world.signatures.sign(world.identity.seed, message),
    token: world.entropy(32),
  }
}

/** The wire code of a name. */
export function codeOf(name: ErrorName): number {
  return ERRORS[name]
}
