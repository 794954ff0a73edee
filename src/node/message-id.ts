/** Names for messages that a program did not name itself: ULIDs, which sort by their time. */
import { systemEntropy } from './primitives.ts'

/** Crockford's base32. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_DIGITS = 10
const RANDOM_DIGITS = 16

/** 26 characters: milliseconds since 1970, then chance. */
export function newMessageId(wallMs: number): string {
  let time = ''
  for (let rest = wallMs, i = 0; i < TIME_DIGITS; i++, rest = Math.floor(rest / 32))
    time = DIGITS.charAt(rest % 32) + time
  const random = [...systemEntropy(RANDOM_DIGITS)].map((byte) => DIGITS.charAt(byte % 32))
  return time + random.join('')
}
