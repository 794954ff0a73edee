import { execFileSync, spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8Bytes } from '../../src/base/bytes.ts'
import { treeLines } from '../../src/cli/decode.ts'
import { decodeTree, type ValueNode } from '../../src/cli/decode-tree.ts'
import { isFault } from '../../src/codec/fault.ts'
import { decodeFrame, encodeFrame } from '../../src/codec/frame.ts'
import type { Frame } from '../../src/codec/generated/registry.ts'
import { MAIN } from './process.ts'

const MESSAGE: Frame = {
  type: 'message',
  conversation: 7,
  seq: 300,
  time: 0,
  sender: 2,
  ref: 1,
  kind: 0,
  body: utf8Bytes('hi\x1b[2J'),
}

function lines(bytes: Uint8Array): string[] {
  return decodeTree(bytes).flatMap((frame) => treeLines(frame, bytes))
}

describe('a decoded frame', () => {
  it('is shown value by value, each with its place and its meaning', () => {
    expect(lines(encodeFrame(MESSAGE))).toEqual([
      expect.stringMatching(/^0000 {2}00 00 00 12 +length 18 {3}message: .* spec chapter 07$/u),
      '0004  98                            array of 8',
      '0005  21                            type = 33  (message)',
      '0006  07                            conversation = 7',
      '0007  cd 01 2c                      seq = 300',
      '000a  00                            time = 0  (1970-01-01T00:00:00.000Z)',
      '000b  02                            sender = 2',
      '000c  01                            ref = 1',
      '000d  00                            kind = 0  (text)',
      '000e  c4 06 68 69 1b 5b 32 4a       body = 6 bytes  (hi␛[2J)',
    ])
  })

  it('may be one of several', () => {
    const ping = encodeFrame({ type: 'ping', nonce: 1, conversation: 0 })
    const both = Buffer.concat([ping, ping])
    expect(decodeTree(both).map(({ name, offset }) => [name, offset])).toEqual([
      ['ping', 0],
      ['ping', ping.length],
    ])
  })

  it('names values beyond the fields known, and unknown types', () => {
    const extra = Uint8Array.of(0, 0, 0, 5, 0x94, 7, 1, 0, 0xc0)
    expect(lines(extra).at(-1)).toContain('(beyond the fields known)')
    expect(lines(Uint8Array.of(0, 0, 0, 2, 0x91, 0x70))[0]).toContain(
      'unknown type of the grease range: ignored',
    )
  })

  it('shows a fault where it is', () => {
    const bytes = Uint8Array.of(0, 0, 0, 4, 0x93, 7, 0xc1, 0)
    const [frame] = decodeTree(bytes)
    expect(frame?.fault).toMatchObject({ fault: 'forbidden_type', offset: 6 })
    expect(lines(bytes).at(-1)).toMatch(/^0006 {2}c1 +! fault: forbidden_type \[bad_frame\]$/u)
    expect(lines(bytes)[1]).toContain('array of 3')
    expect(lines(bytes)[2]).toContain('type = 7  (ping)')
  })

  it('that is cut off, empty or too long is a fault of its length', () => {
    const faults = [
      [0, 0, 0],
      [0, 0, 0, 0],
      [0xff, 0, 0, 0],
      [0, 0, 0, 9, 0x93, 7],
    ].map((bytes) => decodeTree(Uint8Array.from(bytes))[0]?.fault?.fault)
    expect(faults).toEqual(['truncated', 'not_a_frame', 'too_large', 'truncated'])
  })

  it('has a fault exactly when the codec finds one, whatever the bytes', () => {
    const body = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.constant(encodeFrame(MESSAGE).subarray(4)),
    )
    const changed = fc.tuple(body, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      const copy = Uint8Array.from(bytes)
      copy[at % copy.length] = value
      return copy
    })
    fc.assert(
      fc.property(changed, (bytes) => {
        const whole = Uint8Array.of(0, 0, 0, bytes.length, ...bytes)
        const [frame] = decodeTree(whole)
        const decoded = decodeFrame(bytes)
        expect(frame?.fault?.fault).toBe(isFault(decoded) ? decoded.fault : undefined)
        if (frame?.root && !frame.fault) expect(endOf(frame.root)).toBe(whole.length)
        expect(lines(whole).join('')).not.toMatch(/[\x00-\x1f]/u)
      }),
      { numRuns: 2000 },
    )
  })
})

function endOf(node: ValueNode): number {
  return node.offset + node.length
}

describe('palaver decode', () => {
  it('reads hexadecimal text and bytes, and tells programs in JSON', () => {
    const ping = encodeFrame({ type: 'ping', nonce: 1, conversation: 0 })
    const hex = execFileSync(process.execPath, [MAIN, 'decode', '--hex', '--json'], {
      input: Buffer.from(ping).toString('hex'),
    })
    const raw = execFileSync(process.execPath, [MAIN, 'decode', '--format', 'json'], { input: ping })
    expect(hex).toEqual(raw)
    expect(JSON.parse(raw.toString())).toMatchObject({
      v: 1,
      type: 'frame',
      name: 'ping',
      chapter: '06',
      fault: null,
    })
  })

  it('ends with 9 on a fault and with 2 on what is no hexadecimal', () => {
    const status = (input: string): number | null =>
      spawnSync(process.execPath, [MAIN, 'decode', '--hex'], { input }).status
    expect(status('00000001 c1')).toBe(9)
    expect(status('xyz')).toBe(2)
    expect(status('')).toBe(2)
  })
})
