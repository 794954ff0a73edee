/** The bytes of a frame cut into its values, for people. */
import { bytesOfHex, hexOf } from '../../base/bytes.ts'
import { frameSpecOf } from '../../codec/frame.ts'
import { FrameReader } from '../../codec/reader.ts'
import { scanValue } from '../../codec/scan.ts'

/** Some bytes and what they are. */
export interface Piece {
  readonly hex: string
  readonly name: string
}

/** A frame's bytes with the names of its fields; one piece where they are no sound frame or were cut off. */
export function annotated(hex: string): Piece[] {
  const bytes = bytesOfHex(hex)
  if (!bytes || bytes.length === 0 || scanValue(bytes, 0, bytes.length) !== undefined)
    return [{ hex, name: hex.endsWith('…') ? 'the beginning' : 'not a sound frame' }]
  const reader = new FrameReader()
  reader.reset(bytes, 0, bytes.length)
  const count = reader.readArrayHeader()
  const pieces: Piece[] = [{ hex: hexOf(bytes.subarray(0, reader.position)), name: `array of ${count}` }]
  let at = reader.position
  const type = bytes[at] as number
  const spec = frameSpecOf(type)
  for (let index = 0; index < count; index++) {
    reader.skipValue()
    const name =
      index === 0 ? `type: ${spec?.name ?? type}` : (spec?.fields[index - 1]?.name ?? 'an element more')
    pieces.push({ hex: hexOf(bytes.subarray(at, reader.position)), name })
    at = reader.position
  }
  return pieces
}
