/** What both ends of a handshake hash and sign (spec chapter 5). */
import { concatBytes, uint32Bytes, utf8Bytes } from '../base/bytes.ts'
import type { SignaturePrimitives } from '../base/primitives.ts'

const TRANSCRIPT_LABEL = utf8Bytes('palaver/1/transcript\0')
const AUTH_LABEL = utf8Bytes('palaver/1/auth\0')
const READY_LABEL = utf8Bytes('palaver/1/ready\0')
const RESUME_LABEL = utf8Bytes('palaver/1/resume\0')

/** What was said before anybody signed. Frames are without their length prefix, as they crossed the link. */
export interface HandshakeWords {
  /** What ties the handshake to its link: the datagram handshake's hash; empty on a plain stream. */
  readonly binding: Uint8Array
  readonly hello: Uint8Array
  readonly challenge: Uint8Array
}

/** The transcript hash, 64 bytes. */
export function transcriptHash(signatures: SignaturePrimitives, words: HandshakeWords): Uint8Array {
  return signatures.sha512(
    TRANSCRIPT_LABEL,
    ...prefixed(words.binding),
    ...prefixed(words.hello),
    ...prefixed(words.challenge),
  )
}

/** What a client signs in auth. */
export interface AuthClaims {
  readonly name: string
  readonly key: Uint8Array
  readonly clientId: Uint8Array
  readonly token: string
}

/** The message under the client's signature. */
export function authMessage(transcript: Uint8Array, claims: AuthClaims): Uint8Array {
  return concatBytes([
    AUTH_LABEL,
    transcript,
    ...prefixed(utf8Bytes(claims.name)),
    claims.key,
    claims.clientId,
    ...prefixed(utf8Bytes(claims.token)),
  ])
}

/** What a client signs in resume. */
export interface ResumeClaims {
  readonly session: Uint8Array
  readonly token: Uint8Array
}

/** The message under the client's signature when it takes up a session again. */
export function resumeMessage(transcript: Uint8Array, claims: ResumeClaims): Uint8Array {
  //= PAL-HSK-039
  return concatBytes([RESUME_LABEL, transcript, claims.session, claims.token])
}

/** What a relay signs in ready. */
export interface ReadyClaims {
  /** Of the `auth` or the `resume`. */
  readonly authSignature: Uint8Array
  readonly session: Uint8Array
  readonly name: string
}

/** The message under the relay's signature. */
export function readyMessage(transcript: Uint8Array, claims: ReadyClaims): Uint8Array {
  return concatBytes([
    READY_LABEL,
    transcript,
    claims.authSignature,
    claims.session,
    ...prefixed(utf8Bytes(claims.name)),
  ])
}

function prefixed(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  return [uint32Bytes(bytes.length), bytes]
}
