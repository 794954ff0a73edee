/**
 * What of a client's records may be used after they came back from a backup. The program may have gone on
 * since: whatever would be used a second time is left out, so that nothing is sealed under an old key.
 */
import { DIRECT, PIN } from './kept-pins.ts'
import { OPENED, SEEN } from './opened.ts'
import { headWithoutKeys } from './room-place.ts'

/** Where the flag for sending stands in the record of a conversation: after the format. */
const SENDING_AT = 1
const CORE = '/core'
/** Pins, what was opened and not applied, and up to where. */
const KEPT: readonly string[] = [PIN, OPENED, SEEN]

/**
 * The records to begin with: identity and pins as they are, sessions for reading only. Prekeys and the keys
 * of rooms are left out: prekeys are made anew, and a member of a room is added anew.
 */
export function restoredRecords(records: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const restored = new Map<string, Uint8Array>()
  for (const [name, bytes] of records) {
    if (name === 'identity' || KEPT.some((start) => name.startsWith(start))) restored.set(name, bytes)
    else if (name.startsWith(DIRECT)) restored.set(name, name.endsWith(CORE) ? withoutSending(bytes) : bytes)
    const head = headWithoutKeys(name, bytes)
    if (head) restored.set(name, head)
  }
  return restored
}

function withoutSending(core: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(core)
  //= PAL-SDC-017
  copy[SENDING_AT] = 0
  return copy
}
