/** What a QR code for verification holds: who shows it, and whom it is shown to. */
import { base32Of, bytesOfBase32, concatBytes, equalBytes } from '../../base/bytes.ts'
import { FID_BYTES } from '../identity.ts'
import { SUITE } from '../kdf.ts'

const PREFIX = 'PALAVER:'

/** The text for a code that `own` shows to `peer`: only characters of the alphanumeric mode. */
export function qrText(own: Uint8Array, peer: Uint8Array): string {
  //= PAL-TRU-002
  return PREFIX + base32Of(concatBytes([Uint8Array.of(SUITE), own, peer])).toUpperCase()
}

/** Whether a scanned text is the code that `peer` shows to `own`. */
export function isQrOf(text: string, own: Uint8Array, peer: Uint8Array): boolean {
  if (!text.startsWith(PREFIX)) return false
  const bytes = bytesOfBase32(text.slice(PREFIX.length))
  if (bytes?.length !== 1 + 2 * FID_BYTES || bytes[0] !== SUITE) return false
  //= PAL-TRU-003
  return equalBytes(bytes.subarray(1, 1 + FID_BYTES), peer) && equalBytes(bytes.subarray(1 + FID_BYTES), own)
}
