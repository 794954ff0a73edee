/** QR codes, read back by the rules of the standard: what a camera would find. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { qrLines, qrMatrix } from '../../src/cli/qr-code.ts'
import { qrText } from '../../src/crypto/trust/qr.ts'

const CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:'
const FORMAT_OF_M = [0x5412, 0x5125, 0x5e7c, 0x5b4b, 0x45f9, 0x40ce, 0x4f97, 0x4aa0]
const BLOCKS = [1, 1, 1, 2, 2, 4]
const DATA = [16, 28, 44, 64, 86, 108]

/** The text of a code without errors: its data blocks are read, those of correction are left out. */
function read(matrix: readonly (readonly boolean[])[]): string {
  const size = matrix.length
  const version = (size - 17) / 4
  const at = (row: number, column: number): number => (matrix[row]?.[column] ? 1 : 0)
  const format = [0, 1, 2, 3, 4, 5, 7, 8].map((row) => at(row, 8))
  for (const column of [7, 5, 4, 3, 2, 1, 0]) format.push(at(8, column))
  const mask = FORMAT_OF_M.indexOf(format.reduce((sum, bit, i) => sum | (bit << i), 0))
  expect(mask).toBeGreaterThanOrEqual(0)
  const turned = (r: number, c: number): boolean =>
    [
      (r + c) % 2,
      r % 2,
      c % 3,
      (r + c) % 3,
      (Math.floor(r / 2) + Math.floor(c / 3)) % 2,
      ((r * c) % 2) + ((r * c) % 3),
      (((r * c) % 2) + ((r * c) % 3)) % 2,
      (((r + c) % 2) + ((r * c) % 3)) % 2,
    ][mask] === 0
  const isFunction = (r: number, c: number): boolean =>
    r === 6 ||
    c === 6 ||
    (r < 9 && (c < 9 || c >= size - 8)) ||
    (r >= size - 8 && c < 9) ||
    (version > 1 && Math.abs(r - (size - 7)) <= 2 && Math.abs(c - (size - 7)) <= 2)
  const bits: number[] = []
  let isUp = true
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right -= 1
    for (let i = 0; i < size; i++)
      for (const c of [right, right - 1]) {
        const r = isUp ? size - 1 - i : i
        if (!isFunction(r, c)) bits.push(at(r, c) ^ (turned(r, c) ? 1 : 0))
      }
    isUp = !isUp
  }
  const blocks = BLOCKS[version - 1] as number
  const data = DATA[version - 1] as number
  const bytes = Array.from({ length: data }, (_, i) =>
    bits.slice(i * 8, i * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0),
  )
  const ordered = Array.from({ length: blocks }, (_, block) =>
    bytes.filter((_, i) => i % blocks === block),
  ).flat()
  return textOf(ordered.flatMap((byte) => [...byte.toString(2).padStart(8, '0')].map(Number)))
}

function textOf(bits: number[]): string {
  const take = (count: number): number => bits.splice(0, count).reduce((sum, bit) => sum * 2 + bit, 0)
  expect(take(4)).toBe(2)
  let left = take(9)
  let text = ''
  for (; left > 1; left -= 2) {
    const pair = take(11)
    text += `${CHARACTERS[Math.floor(pair / 45)]}${CHARACTERS[pair % 45]}`
  }
  return left === 1 ? text + CHARACTERS[take(6)] : text
}

test('a code of any text is read back', () => {
  const text = fc.array(fc.constantFrom(...CHARACTERS), { maxLength: 154 }).map((all) => all.join(''))
  fc.assert(
    fc.property(text, (each) => {
      expect(read(qrMatrix(each))).toBe(each)
    }),
    { numRuns: 60 },
  )
})

test('what two people compare fits into 41 columns', () => {
  const text = qrText(new Uint8Array(32).fill(7), new Uint8Array(32).fill(9))
  expect(read(qrMatrix(text))).toBe(text)
  const lines = qrLines(text)
  expect(lines).toHaveLength(21)
  for (const line of lines) expect(line).toMatch(/^[ ▀▄█]{41}$/u)
})

test('a text that is too long or has other characters is refused', () => {
  for (const text of ['A'.repeat(155), 'small']) expect(() => qrMatrix(text)).toThrow(/QR code/u)
})
