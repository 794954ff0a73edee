/** How a place or a message is sealed, as a sign. */
import { isVerified, type Pin } from '../../crypto/trust/pins.ts'
import type { SealOf } from '../../node/seals.ts'

/** Beside a message: nothing where it came plainly. */
export function sealSign({ sealed, verified, key_changed: isChanged }: SealOf): string {
  if (isChanged) return '!'
  return sealed ? `🔒${verified ? '✓' : ''}` : ''
}

/** In the prompt of a direct conversation. */
export function placeSign(pin: Pin | undefined): string {
  if (!pin) return ''
  return sealSign({ sealed: pin.isSealed, verified: isVerified(pin), key_changed: pin.claim !== undefined })
}
