import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Case, playAll, type Result, relayCases, socketArena } from '../../src/conformance/index.ts'
import { udpTransport } from '../../src/node/index.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { Relays } from './relays.ts'

const RUN_MS = 240_000
const SEED = 7

function shown({ id, step, detail }: Result): string {
  return `${id} at "${step}": ${detail}`
}

describe.each(['tcp', 'udp'] as const)('our relay over %s', (kind) => {
  const relays = new Relays(kind)
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
})
