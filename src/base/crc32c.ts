/** CRC-32C, the Castagnoli polynomial (RFC 3720 appendix B.4): detects damage at rest, not malice. */

const POLYNOMIAL = 0x82f63b78
const TABLE_SIZE = 256

/** Eight tables of 256: table k advances a byte by k further bytes, so that eight bytes go in one step. */
const TABLES: readonly Uint32Array[] = makeTables()

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(TABLE_SIZE)
  for (let byte = 0; byte < TABLE_SIZE; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
    first[byte] = value
  }
  const tables = [first]
  for (let k = 1; k < 8; k++) {
    const before = tables[k - 1] as Uint32Array
    tables.push(before.map((value) => (value >>> 8) ^ (first[value & 0xff] as number)))
  }
  return tables
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]

/**
 * The CRC-32C of the bytes [start, end), as an unsigned number. `before` is the CRC of the bytes that come
 * before them, so that several pieces can be summed as one.
 */
export function crc32c(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
  before: number = 0,
): number {
  let crc = ~before
  let i = start
  for (; i + 8 <= end; i += 8) {
    const low =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24))
    crc =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[bytes[i + 4] as number] as number) ^
      (T2[bytes[i + 5] as number] as number) ^
      (T1[bytes[i + 6] as number] as number) ^
      (T0[bytes[i + 7] as number] as number)
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ (T0[(crc ^ (bytes[i] as number)) & 0xff] as number)
  return ~crc >>> 0
}
