/**
 * Pins among the records of a client that does not run: what a person looks at and decides between two
 * sessions. The same decisions as those of `Sealing`.
 */
import type { Primitives } from '../primitives.ts'
import type { RecordChange } from '../records.ts'
import { decide, decodePin, encodePin, type Pin, verifiedBy } from '../trust/pins.ts'
import { isQrOf } from '../trust/qr.ts'
import { isSafetyNumber } from '../trust/safety-number.ts'

type Records = ReadonlyMap<string, Uint8Array>

/** The record of a pin. */
export const PIN = 'pin/'

/** What sessions with somebody are kept under. */
export const DIRECT = 'direct/'

/** All pins, by the folded name. */
export function pinsOf(records: Records): Map<string, Pin> {
  const found = new Map<string, Pin>()
  for (const [name, bytes] of records) {
    const pin = name.startsWith(PIN) ? decodePin(bytes) : undefined
    if (pin) found.set(name.slice(PIN.length), pin)
  }
  return found
}

/** A decision: the pin after it and what has to be kept. */
export interface Decided {
  readonly pin: Pin
  readonly changes: readonly RecordChange[]
}

/** The person decides for an identity, as in `Sealing.trust`. Undefined when that is not enough. */
export function trustPinned(
  primitives: Primitives,
  records: Records,
  folded: string,
  fid: Uint8Array | undefined,
): Decided | undefined {
  const before = pinsOf(records).get(folded)
  const pin = before && decide(primitives, before, fid)
  if (!pin) return undefined
  const isOther = before.fid.some((byte, i) => byte !== pin.fid[i])
  const sessions = [...records.keys()].filter((name) => name.startsWith(`${DIRECT}${folded}/`))
  const forgotten: RecordChange[] = isOther ? sessions.map((name) => [name, undefined]) : []
  return { pin, changes: [...forgotten, [PIN + folded, encodePin(pin)]] }
}

/** The person compared what the other one shows or reads out: a QR code's text or a safety number. */
export function verifyPinned(
  primitives: Primitives,
  records: Records,
  folded: string,
  {
    own,
    shown,
  }: { readonly own: { readonly id: Uint8Array; readonly fid: Uint8Array }; readonly shown: string },
): Decided | undefined {
  const before = pinsOf(records).get(folded)
  if (!before) return undefined
  const isQr = isQrOf(shown, own.fid, before.fid)
  if (!isQr && !isSafetyNumber(primitives, shown, own.id, before.id)) return undefined
  const pin = verifiedBy(before, isQr ? 'qr' : 'number')
  return { pin, changes: [[PIN + folded, encodePin(pin)]] }
}
