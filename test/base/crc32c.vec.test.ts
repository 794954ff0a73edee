import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfHex, crc32c, utf8Bytes } from '../../src/base/index.ts'

const counting = Uint8Array.from({ length: 32 }, (_, i) => i)
const ISCSI_READ =
  '01c00000 00000000 00000000 00000000 14000000 00000400 ' +
  '00000014 00000018 28000000 00000000 02000000 00000000'

test.each([
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes counting up', counting, 0x46dd794e],
  ['32 bytes counting down', counting.slice().reverse(), 0x113fdb5c],
  ['an iSCSI read command', bytesOfHex(ISCSI_READ) as Uint8Array, 0xd9963a56],
  ['the nine digits', utf8Bytes('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
])('the CRC-32C of %s is that of RFC 3720', (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc)
})

test('the sum of two parts is the sum of the whole, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      const cut = Math.min(at, bytes.length)
      expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes))
    }),
  )
})

test('one flipped bit changes the sum', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (bytes, bit) => {
      const damaged = bytes.slice()
      const at = bit % (bytes.length * 8)
      damaged[at >> 3] = (damaged[at >> 3] as number) ^ (1 << (at & 7))
      expect(crc32c(damaged)).not.toBe(crc32c(bytes))
    }),
  )
})
