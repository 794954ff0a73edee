import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tcpFlowsOf } from '../../src/cli/capture.ts'
import { encodeFrame } from '../../src/codec/frame.ts'
import { type Connection, pcapngOf, pcapOf } from '../spec/captures.ts'
import { Home, jsonLines } from './process.ts'

const FORMATS = [pcapOf, pcapngOf]

/** Bytes, and segments that cover them: cut anywhere, some sent twice, in any order behind the first. */
const cutStream = fc
  .record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    cuts: fc.array(fc.nat(200), { maxLength: 8 }),
    again: fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { maxLength: 3 }),
    keys: fc.array(fc.nat(), { minLength: 13, maxLength: 13 }),
  })
  .map(({ bytes, cuts, again, keys }) => {
    const places = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b)
    const pieces = places.slice(1).map((end, i) => [places[i] as number, end] as const)
    const copies = again.map(([from, size]) => [from % bytes.length, (from % bytes.length) + size] as const)
    const segments = [...pieces, ...copies]
      .map(([from, end]) => ({ seq: from, data: bytes.subarray(from, end) }))
      .filter(({ data }) => data.length > 0)
    const [first, ...rest] = segments
    const order = rest.map((segment, i) => ({ segment, key: keys[i] as number }))
    order.sort((a, b) => a.key - b.key)
    return { bytes, segments: [first as (typeof segments)[0], ...order.map(({ segment }) => segment)] }
  })

describe('a capture', () => {
  it('gives what was sent, however it was cut, repeated or reordered', () => {
    fc.assert(
      fc.property(cutStream, fc.constantFrom(...FORMATS), ({ bytes, segments }, write) => {
        const flows = tcpFlowsOf(write([{ clientPort: 4000, serverPort: 7667, segments }]))
        expect(flows).toMatchObject([{ from: '192.0.2.7:4000', to: '192.0.2.1:7667', hasGap: false }])
        expect(Buffer.from(flows?.[0]?.bytes ?? [])).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('gives what comes before missing bytes, and says so', () => {
    const data = Uint8Array.of(1, 2, 3)
    const segments = [
      { seq: 0, data },
      { seq: 4, data },
    ]
    const [flow] = tcpFlowsOf(pcapOf([{ clientPort: 1, serverPort: 2, segments }])) ?? []
    expect([Array.from(flow?.bytes ?? []), flow?.hasGap]).toEqual([[1, 2, 3], true])
  })

  it('may hold anything and be cut anywhere', () => {
    const good = FORMATS.map((write) => write([pingFrom(4000)]))
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(
          fc.constantFrom(...good),
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
          fc.nat(),
        )
        .map(([capture, changes, end]) => {
          const bytes = Uint8Array.from(capture)
          for (const [at, value] of changes) bytes[at % bytes.length] = value
          return bytes.subarray(0, end % (bytes.length + 1))
        }),
    )
    fc.assert(
      fc.property(hostile, (bytes) => {
        const flows = tcpFlowsOf(bytes) ?? []
        expect(flows.reduce((sum, flow) => sum + flow.bytes.length, 0)).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('palaver decode --pcap', () => {
  let home: Home
  beforeEach(() => {
    home = new Home()
  })
  afterEach(() => home.end())

  it('decodes what went to or from the port of the relay', async () => {
    const path = join(home.folder, 'some.pcap')
    writeFileSync(path, pcapngOf([pingFrom(4000), { ...pingFrom(4001), serverPort: 9999 }]))
    const { code, stdout } = await home.run(['decode', '--pcap', path, '--json'])
    expect([code, jsonLines(stdout)]).toMatchObject([0, [{ from: '192.0.2.7:4000', name: 'ping' }]])
    const other = await home.run(['decode', '--pcap', path, '--port', '9999'])
    expect(other.stdout).toMatch(/^# 192\.0\.2\.7:4001 to 192\.0\.2\.1:9999\n0000 .* ping: /u)
  })

  it('refuses what is no capture', async () => {
    const outcome = await home.run(['decode', '--pcap'], { input: 'not a capture, whatever it is' })
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining('no capture') })
  })
})

function pingFrom(clientPort: number): Connection {
  const data = encodeFrame({ type: 'ping', nonce: 1, conversation: 0 })
  return { clientPort, serverPort: 7667, segments: [{ seq: 0, data }] }
}
