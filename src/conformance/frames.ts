/** Frames as people read them. */
import { hexOf } from '../base/bytes.ts'
import { errorNameOf } from '../codec/fault.ts'

const BYTES_SHOWN = 40
const TEXT_SHOWN = 120

/** A decoded frame on one line. */
export function frameText(frame: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(frame).filter(([name]) => name !== 'type')
  return [String(frame['type']), ...fields.map(([name, value]) => `${name}=${valueText(name, value)}`)].join(
    ' ',
  )
}

function valueText(name: string, value: unknown): string {
  if (name === 'code') return errorNameOf(value as number) ?? String(value)
  if (value instanceof Uint8Array) {
    const hex = hexOf(value.subarray(0, BYTES_SHOWN))
    return value.length > BYTES_SHOWN ? `hex:${hex}…(${value.length})` : `hex:${hex}`
  }
  const text = JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof Uint8Array ? hexOf(inner) : inner,
  )
  return text.length > TEXT_SHOWN ? `${text.slice(0, TEXT_SHOWN)}…` : text
}
