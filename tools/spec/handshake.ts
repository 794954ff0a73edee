/** Handshake hashes and signatures from the text of chapter 5, on node:crypto alone: nothing of src/. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { bigEndian, joined, utf8 } from './wire.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** What enters a handshake. */
export interface HandshakeInput {
  readonly clientSeed: Uint8Array
  readonly relaySeed: Uint8Array
  readonly binding: Uint8Array
  readonly hello: Uint8Array
  readonly challenge: Uint8Array
  readonly name: string
  readonly clientId: Uint8Array
  readonly token: string
  readonly session: Uint8Array
  readonly nameGiven: string
}

/** What follows from it. */
export interface HandshakeOutput {
  readonly clientKey: Uint8Array
  readonly relayKey: Uint8Array
  readonly transcript: Uint8Array
  readonly authMessage: Uint8Array
  readonly authSignature: Uint8Array
  readonly readyMessage: Uint8Array
  readonly readySignature: Uint8Array
}

/** The formulas of chapter 5, in their order. */
export function computeHandshake(input: HandshakeInput): HandshakeOutput {
  const clientKey = publicKeyOf(input.clientSeed)
  const transcript = sha512(
    joined(
      utf8('palaver/1/transcript\0'),
      lengthPrefixed(input.binding),
      lengthPrefixed(input.hello),
      lengthPrefixed(input.challenge),
    ),
  )
  const authMessage = joined(
    utf8('palaver/1/auth\0'),
    transcript,
    lengthPrefixed(utf8(input.name)),
    clientKey,
    input.clientId,
    lengthPrefixed(utf8(input.token)),
  )
  const authSignature = signed(input.clientSeed, authMessage)
  const readyMessage = joined(
    utf8('palaver/1/ready\0'),
    transcript,
    authSignature,
    input.session,
    lengthPrefixed(utf8(input.nameGiven)),
  )
  const readySignature = signed(input.relaySeed, readyMessage)
  const relayKey = publicKeyOf(input.relaySeed)
  return { clientKey, relayKey, transcript, authMessage, authSignature, readyMessage, readySignature }
}

/** The Ed25519 public key of a 32-byte seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const der = createPublicKey(privateKeyOf(seed)).export({ format: 'der', type: 'spki' })
  return new Uint8Array(der.subarray(der.length - 32))
}

/** The Ed25519 signature of `message` by the key of `seed`. */
export function signed(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, privateKeyOf(seed)))
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  return joined(bigEndian(BigInt(bytes.length), 4), bytes)
}

function sha512(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(bytes).digest())
}
