/** The signatures of the handshake, read from chapter 5 of the specification. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signMessage,
  verify as verifyMessage,
} from 'node:crypto'
import nacl from 'tweetnacl'
import { concatBytes, uint32Bytes, utf8Bytes } from '../base/bytes.ts'

/** An Ed25519 key pair. */
export interface KeyPair {
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

const privateKeys = new WeakMap<KeyPair, KeyObject>()

/** SHA-512 of the parts in order. */
export function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** The key pair of a 32-byte seed. */
export function keyPairOf(seed: Uint8Array): KeyPair {
  return { seed, publicKey: nacl.sign.keyPair.fromSeed(seed).publicKey }
}

/** 32 bytes that follow from a text. */
export function seedOf(text: string): Uint8Array {
  return sha512(utf8Bytes(text)).slice(0, 32)
}

/** An Ed25519 signature. */
export function sign(pair: KeyPair, message: Uint8Array): Uint8Array {
  let key = privateKeys.get(pair)
  if (!key) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', d: base64url(pair.seed), x: base64url(pair.publicKey) }
    key = createPrivateKey({ key: jwk, format: 'jwk' })
    privateKeys.set(pair, key)
  }
  return new Uint8Array(signMessage(null, message, key))
}

/** Whether an Ed25519 signature verifies. */
export function verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  try {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) }
    return verifyMessage(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
  } catch {
    return false
  }
}

function counted(bytes: Uint8Array): Uint8Array {
  return concatBytes([uint32Bytes(bytes.length), bytes])
}

/** What both ends have seen. Frames are without their length prefix. */
export interface Words {
  readonly binding: Uint8Array
  readonly hello: Uint8Array
  readonly challenge: Uint8Array
}

function transcript({ binding, hello, challenge }: Words): Uint8Array {
  return sha512(utf8Bytes('palaver/1/transcript\0'), counted(binding), counted(hello), counted(challenge))
}

/** What `auth.signature` signs. */
export function authMessage(
  words: Words,
  auth: {
    readonly name: string
    readonly key: Uint8Array
    readonly clientId: Uint8Array
    readonly token: string
  },
): Uint8Array {
  return concatBytes([
    utf8Bytes('palaver/1/auth\0'),
    transcript(words),
    counted(utf8Bytes(auth.name)),
    auth.key,
    auth.clientId,
    counted(utf8Bytes(auth.token)),
  ])
}

/** What `ready.signature` signs. */
export function readyMessage(
  words: Words,
  ready: { readonly authSignature: Uint8Array; readonly session: Uint8Array; readonly name: string },
): Uint8Array {
  return concatBytes([
    utf8Bytes('palaver/1/ready\0'),
    transcript(words),
    ready.authSignature,
    ready.session,
    counted(utf8Bytes(ready.name)),
  ])
}

/** What `resume.signature` signs. */
export function resumeMessage(
  words: Words,
  resume: { readonly session: Uint8Array; readonly token: Uint8Array },
): Uint8Array {
  return concatBytes([utf8Bytes('palaver/1/resume\0'), transcript(words), resume.session, resume.token])
}
