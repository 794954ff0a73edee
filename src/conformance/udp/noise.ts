/** Noise_NX_25519_ChaChaPoly_SHA512 for the initiator, and the sealing of packets (spec chapter 13). */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'
import { concatBytes, utf8Bytes } from '../../base/bytes.ts'
import { sha512 } from '../crypto.ts'

const TAG_BYTES = 16
const KEY_BYTES = 32
const IV_BYTES = 12
const PRIVATE_DER = Buffer.from('302e020100300506032b656e04220420', 'hex')
const PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex')
const BASE_POINT = Uint8Array.from({ length: KEY_BYTES }, (_, at) => (at === 0 ? 9 : 0))

function secretKey(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_DER, secret]), format: 'der', type: 'pkcs8' })
}

function x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' })
  return new Uint8Array(diffieHellman({ privateKey: secretKey(secret), publicKey: key }))
}

/** The X25519 public key of a secret. */
export function x25519Public(secret: Uint8Array): Uint8Array {
  return x25519(secret, BASE_POINT)
}

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha512', key)
  for (const part of parts) mac.update(part)
  return new Uint8Array(mac.digest())
}

function hkdf(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const secret = hmac(key, input)
  const first = hmac(secret, Uint8Array.of(1))
  return [first, hmac(secret, first, Uint8Array.of(2))]
}

/** The plaintext, or undefined when the tag does not verify. */
export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const length = sealed.length - TAG_BYTES
  if (length < 0) return undefined
  const cipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad, { plaintextLength: length })
  cipher.setAuthTag(sealed.subarray(length))
  const plain = cipher.update(sealed.subarray(0, length))
  try {
    cipher.final()
  } catch {
    return undefined
  }
  return new Uint8Array(plain)
}

/** Ciphertext and tag. */
export function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad, { plaintextLength: plain.length })
  const body = cipher.update(plain)
  cipher.final()
  return concatBytes([body, cipher.getAuthTag()])
}

/** The keys of one direction, and what the next ones are made of. */
export interface Direction {
  readonly key: Uint8Array
  readonly iv: Uint8Array
  readonly rest: Uint8Array
  readonly phase: 0 | 1
}

/** What a handshake ends with. */
export interface Established {
  out: Direction
  in: Direction
  readonly hash: Uint8Array
  /** The relay's parameters, as it sent them. */
  readonly parameters: Uint8Array
}

/** The initiator: message 1 out, message 2 in. */
export class Initiator {
  readonly secret: Uint8Array
  readonly ephemeral: Uint8Array
  #hash: Uint8Array
  #chain: Uint8Array

  constructor(secret: Uint8Array, prologue: Uint8Array) {
    this.secret = secret
    this.ephemeral = x25519Public(secret)
    const name = new Uint8Array(64)
    name.set(utf8Bytes('Noise_NX_25519_ChaChaPoly_SHA512'))
    this.#chain = name
    this.#hash = sha512(name, prologue)
  }

  /** The ephemeral key, then the payload in the clear. */
  message1(payload: Uint8Array): Uint8Array {
    this.#hash = sha512(sha512(this.#hash, this.ephemeral), payload)
    return concatBytes([this.ephemeral, payload])
  }

  /** The session that message 2 opens, or undefined when it does not verify. */
  message2(message: Uint8Array): Established | undefined {
    const ephemeral = message.slice(0, KEY_BYTES)
    let hash = sha512(this.#hash, ephemeral)
    let [chain, key] = hkdf(this.#chain, x25519(this.secret, ephemeral))
    const zero = new Uint8Array(12)
    const sealedStatic = message.slice(KEY_BYTES, 2 * KEY_BYTES + TAG_BYTES)
    const relayStatic = open(key.subarray(0, KEY_BYTES), zero, hash, sealedStatic)
    if (!relayStatic) return undefined
    hash = sha512(hash, sealedStatic)
    ;[chain, key] = hkdf(chain, x25519(this.secret, relayStatic))
    const sealed = message.slice(2 * KEY_BYTES + TAG_BYTES)
    const parameters = open(key.subarray(0, KEY_BYTES), zero, hash, sealed)
    if (!parameters) return undefined
    hash = sha512(hash, sealed)
    const [out, back] = hkdf(chain, new Uint8Array(0))
    return { out: directionOf(out, 0), in: directionOf(back, 0), hash, parameters }
  }
}

function directionOf(bytes: Uint8Array, phase: 0 | 1): Direction {
  const [key, iv] = [bytes.slice(0, KEY_BYTES), bytes.slice(KEY_BYTES, KEY_BYTES + IV_BYTES)]
  return { key, iv, rest: bytes.slice(KEY_BYTES + IV_BYTES), phase }
}

/** The keys of the next phase. */
export function nextDirection({ rest, phase }: Direction): Direction {
  return directionOf(hmac(rest, utf8Bytes('palaver key update')), phase === 0 ? 1 : 0)
}

/** The iv with the packet number XORed into its last 8 bytes. */
export function nonceOf(iv: Uint8Array, number: number): Uint8Array {
  const nonce = iv.slice()
  let rest = BigInt(number)
  for (let at = 11; at >= 4; at--) {
    nonce[at] = (nonce[at] as number) ^ Number(rest & 255n)
    rest >>= 8n
  }
  return nonce
}
