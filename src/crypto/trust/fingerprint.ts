/** A fid as people read, type and compare it: base32 in groups of four. */
import { base32Of, bytesOfBase32, bytesOfHex } from '../../base/bytes.ts'
import { FID_BYTES } from '../identity.ts'

const HEX_CHARS = 2 * FID_BYTES

/** The fid for people: 13 groups. */
export function fingerprintOf(fid: Uint8Array): string {
  return base32Of(fid).replace(/(.{4})(?=.)/gu, '$1-')
}

/** The fid that somebody typed, in groups or hexadecimal; undefined when it is none. */
export function readFingerprint(text: string): Uint8Array | undefined {
  const plain = text.replace(/[\s-]+/gu, '')
  const bytes = plain.length === HEX_CHARS ? bytesOfHex(plain) : bytesOfBase32(plain)
  return bytes?.length === FID_BYTES ? bytes : undefined
}
