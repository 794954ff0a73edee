/** The signatures of the handshake, read from chapter 5 of the specification. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signMessage,
  verify as verifyMessage,
} from 'node:crypto'
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

/** What stands before a seed in PKCS #8, and before a key in SubjectPublicKeyInfo (RFC 8410). */
const SEED_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const KEY_HEAD_BYTES = 12
/** Keys of others that are kept as they were imported. */
const KEYS_MAX = 64

/** The key pair of a 32-byte seed. */
export function keyPairOf(seed: Uint8Array): KeyPair {
  const key = createPrivateKey({ key: Buffer.concat([SEED_HEAD, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const pair = { seed, publicKey: new Uint8Array(spki.subarray(KEY_HEAD_BYTES)) }
  privateKeys.set(pair, key)
  return pair
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
    return verifyMessage(null, message, importedKey(publicKey), signature)
  } catch {
    return false
  }
}

const importedKeys = new Map<string, KeyObject>()

/** Importing costs more than verifying, and a run asks for the keys of few relays again and again. */
function importedKey(publicKey: Uint8Array): KeyObject {
  const x = base64url(publicKey)
  let key = importedKeys.get(x)
  if (!key) {
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    if (importedKeys.size === KEYS_MAX) importedKeys.clear()
    importedKeys.set(x, key)
  }
  return key
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
