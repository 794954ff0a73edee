/**
 * QR codes for terminals (ISO/IEC 18004): alphanumeric mode, error correction level M, versions 1 to 6.
 * Enough for what two people compare, and nothing else.
 */
import { UsageError } from '../base/errors.ts'

const CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:'
/** Codewords in all, those of error correction in each block, and blocks, by version from 1. */
const VERSIONS: readonly (readonly [number, number, number])[] = [
  [26, 10, 1],
  [44, 16, 1],
  [70, 26, 1],
  [100, 18, 2],
  [134, 24, 2],
  [172, 16, 4],
]
const PADDING: readonly number[] = [0xec, 0x11]
const QUIET = 2
const FORMAT_MASK = 0x5412
const FORMAT_POLYNOMIAL = 0x537
const FIELD_POLYNOMIAL = 0x11d

type Matrix = boolean[][]

/** Whether a module changes colour under a mask. */
const MASKS: readonly ((row: number, column: number) => boolean)[] = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (_, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
]

/** The code of a text as lines of half blocks: light modules are drawn, for a dark terminal. */
export function qrLines(text: string): string[] {
  const matrix = qrMatrix(text)
  const isDark = (row: number, column: number): boolean => matrix[row]?.[column] === true
  const lines: string[] = []
  for (let row = -QUIET; row < matrix.length + QUIET; row += 2) {
    let line = ''
    for (let column = -QUIET; column < matrix.length + QUIET; column++) {
      const [above, below] = [isDark(row, column), isDark(row + 1, column)]
      line += above ? (below ? ' ' : '▄') : below ? '▀' : '█'
    }
    lines.push(line)
  }
  return lines
}

/** The modules of the code, true where they are dark. Throws for a text that does not fit. */
export function qrMatrix(text: string): Matrix {
  const [version, codewords] = codewordsOf(text)
  const size = 17 + 4 * version
  const isFixed = fixedModules(size, version)
  const candidates = MASKS.map((_, mask) => {
    const matrix = patterns(size, version)
    place(matrix, isFixed, codewords, MASKS[mask] as (typeof MASKS)[number])
    placeFormat(matrix, mask)
    return matrix
  })
  return candidates.reduce((best, each) => (penalty(each) < penalty(best) ? each : best))
}

// ---- data -------------------------------------------------------------------------------------

function codewordsOf(text: string): [number, Uint8Array] {
  const bits = [...bitsOf(0b0010, 4), ...bitsOf(text.length, 9), ...textBits(text)]
  const at = VERSIONS.findIndex(([total, ec, blocks]) => (total - ec * blocks) * 8 >= bits.length)
  const version = VERSIONS[at]
  if (!version) throw new UsageError('bad_argument', 'the text is too long for a QR code')
  const [total, ec, blocks] = version
  const data = dataCodewords(bits, total - ec * blocks)
  return [at + 1, interleaved(data, ec, blocks)]
}

function bitsOf(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1)
}

function textBits(text: string): number[] {
  const values = [...text].map((character) => CHARACTERS.indexOf(character))
  if (values.includes(-1)) throw new UsageError('bad_argument', 'the text cannot be in a QR code')
  const bits: number[] = []
  for (let i = 0; i < values.length; i += 2) {
    const [first = 0, second] = values.slice(i, i + 2)
    bits.push(...(second === undefined ? bitsOf(first, 6) : bitsOf(first * 45 + second, 11)))
  }
  return bits
}

function dataCodewords(bits: readonly number[], count: number): Uint8Array {
  const data = new Uint8Array(count)
  for (const [i, bit] of bits.entries()) data[i >> 3] = (data[i >> 3] as number) | (bit << (7 - (i & 7)))
  const terminated = Math.ceil(Math.min(bits.length + 4, count * 8) / 8)
  for (let i = terminated; i < count; i++) data[i] = PADDING[(i - terminated) % 2] as number
  return data
}

function interleaved(data: Uint8Array, ec: number, blocks: number): Uint8Array {
  const length = data.length / blocks
  const parts = Array.from({ length: blocks }, (_, i) => data.subarray(i * length, (i + 1) * length))
  const checks = parts.map((part) => remainder(part, ec))
  const whole: number[] = []
  for (let i = 0; i < length; i++) for (const part of parts) whole.push(part[i] as number)
  for (let i = 0; i < ec; i++) for (const check of checks) whole.push(check[i] as number)
  return Uint8Array.from(whole)
}

/** In the field of 256 elements. */
function product(a: number, b: number): number {
  let result = 0
  for (let bit = 7; bit >= 0; bit--) {
    result = (result << 1) ^ ((result >> 7) * FIELD_POLYNOMIAL)
    result ^= ((b >> bit) & 1) * a
  }
  return result
}

/** The codewords of error correction: the remainder by the generator polynomial. */
function remainder(data: Uint8Array, count: number): number[] {
  let generator = [1]
  for (let i = 0, root = 1; i < count; i++, root = product(root, 2)) {
    const next = [...generator, 0]
    for (const [j, each] of generator.entries()) next[j + 1] = (next[j + 1] as number) ^ product(each, root)
    generator = next
  }
  let rest = new Array<number>(count).fill(0)
  for (const byte of data) {
    const factor = byte ^ (rest[0] as number)
    rest = [...rest.slice(1), 0].map((each, i) => each ^ product(generator[i + 1] as number, factor))
  }
  return rest
}

// ---- modules ----------------------------------------------------------------------------------

/** Finders, timing, alignment and the dark module. */
function patterns(size: number, version: number): Matrix {
  const matrix = Array.from({ length: size }, () => new Array<boolean>(size).fill(false))
  for (let i = 0; i < size; i++) {
    set(matrix, 6, i, i % 2 === 0)
    set(matrix, i, 6, i % 2 === 0)
  }
  for (const [row, column] of corners(size)) rings(matrix, row, column, 4, (ring) => ring !== 2 && ring !== 4)
  if (version > 1) rings(matrix, size - 7, size - 7, 2, (ring) => ring !== 1)
  set(matrix, size - 8, 8, true)
  return matrix
}

function corners(size: number): readonly (readonly [number, number])[] {
  return [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ]
}

function rings(
  matrix: Matrix,
  row: number,
  column: number,
  radius: number,
  isDark: (ring: number) => boolean,
): void {
  for (let r = -radius; r <= radius; r++)
    for (let c = -radius; c <= radius; c++)
      set(matrix, row + r, column + c, isDark(Math.max(Math.abs(r), Math.abs(c))))
}

function set(matrix: Matrix, row: number, column: number, isDark: boolean): void {
  const line = matrix[row]
  if (line && column >= 0 && column < line.length) line[column] = isDark
}

/** Where no data goes. */
function fixedModules(size: number, version: number): Matrix {
  const fixed = Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) => row === 6 || column === 6),
  )
  const fill = (rows: readonly [number, number], columns: readonly [number, number]): void => {
    for (let r = rows[0]; r < rows[1]; r++)
      for (let c = columns[0]; c < columns[1]; c++) set(fixed, r, c, true)
  }
  fill([0, 9], [0, 9])
  fill([0, 9], [size - 8, size])
  fill([size - 8, size], [0, 9])
  if (version > 1) fill([size - 9, size - 4], [size - 9, size - 4])
  return fixed
}

/** Two columns at a time from the right, upwards and downwards in turn. */
function place(
  matrix: Matrix,
  isFixed: Matrix,
  codewords: Uint8Array,
  isTurned: (row: number, column: number) => boolean,
): void {
  const size = matrix.length
  let at = 0
  for (let right = size - 1, isUp = true; right > 0; right -= right === 8 ? 3 : 2, isUp = !isUp)
    for (let step = 0; step < size; step++)
      for (const column of [right, right - 1]) {
        const row = isUp ? size - 1 - step : step
        if (isFixed[row]?.[column]) continue
        const bit = ((codewords[at >> 3] ?? 0) >> (7 - (at & 7))) & 1
        at += 1
        set(matrix, row, column, (bit === 1) !== isTurned(row, column))
      }
}

/** Level M is 00, so that the format is the number of the mask. */
function placeFormat(matrix: Matrix, mask: number): void {
  let rest = mask << 10
  for (let bit = 14; bit >= 10; bit--) if ((rest >> bit) & 1) rest ^= FORMAT_POLYNOMIAL << (bit - 10)
  const format = ((mask << 10) | rest) ^ FORMAT_MASK
  const size = matrix.length
  for (let i = 0; i < 15; i++) {
    const isDark = ((format >> i) & 1) === 1
    const row = i < 6 ? i : i < 8 ? i + 1 : size - 15 + i
    set(matrix, row, 8, isDark)
    const column = i < 8 ? size - 1 - i : i === 8 ? 7 : 14 - i
    set(matrix, 8, column, isDark)
  }
}

/** How hard a code is to read: long runs, squares, shapes like finders, and too much of one colour. */
function penalty(matrix: Matrix): number {
  const size = matrix.length
  const rows = matrix.map((row) => row.map((isDark) => (isDark ? '1' : '0')).join(''))
  const columns = rows.map((_, column) => rows.map((row) => row[column]).join(''))
  let points = 0
  for (const line of [...rows, ...columns]) {
    for (const run of line.match(/0{5,}|1{5,}/gu) ?? []) points += run.length - 2
    points +=
      40 * ((line.match(/(?=10111010000)/gu) ?? []).length + (line.match(/(?=00001011101)/gu) ?? []).length)
  }
  for (let r = 1; r < size; r++)
    for (let c = 1; c < size; c++) {
      const here = matrix[r]?.[c]
      if (matrix[r - 1]?.[c] === here && matrix[r]?.[c - 1] === here && matrix[r - 1]?.[c - 1] === here)
        points += 3
    }
  const dark = rows.join('').replaceAll('0', '').length / (size * size)
  return points + 10 * Math.floor(Math.abs(dark * 100 - 50) / 5)
}
