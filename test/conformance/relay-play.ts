/** Our relay under all cases of the kit, over one transport. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Case, playAll, type Result, relayCases, socketArena } from '../../src/conformance/index.ts'
import { udpTransport } from '../../src/node/index.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { Relays } from './relays.ts'

const RUN_MS = 240_000
const SEED = 7

function shown({ id, step, detail }: Result): string {
  return `${id} at "${step}": ${detail}`
}

/** The test that it keeps every sentence; its links are carried by that many workers. */
export function testRelay(kind: 'tcp' | 'udp', workerCount: number): void {
  const relays = new Relays(kind, workerCount)
  const cases: Case[] = relayCases().filter(({ transports }) => !transports || transports.includes(kind))

  beforeAll(() => relays.start())
  afterAll(() => relays.stop())

  test('keeps every sentence that the kit tests', { timeout: RUN_MS }, async () => {
    const transport = kind === 'tcp' ? tcpTransport : udpTransport()
    const results = await playAll(cases, {
      seed: SEED,
      salt: kind,
      parallel: 8,
      keepsNotes: false,
      arena: () =>
        socketArena({
          transport: transport as Parameters<typeof socketArena>[0]['transport'],
          addresses: relays.addresses,
          restart: relays.restart,
        }),
    })
    expect(results.filter(({ outcome }) => outcome !== 'passed').map(shown)).toEqual([])
    expect(results.length).toBeGreaterThanOrEqual(600)
  })
}
