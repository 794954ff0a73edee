/** `palaver bench` against a real relay: that it counts right, never how fast anything is. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Home, jsonLines } from './process.ts'

let home: Home
beforeEach(() => {
  home = new Home()
})
afterEach(() => home.end())

async function bench(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await home.run(['bench', ...words, '--duration', '300ms', '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return jsonLines(stdout)[0] ?? {}
}

describe('palaver bench', () => {
  it('counts what is acknowledged, delivered at once, delivered at a pace, and opened', async () => {
    const { tcp } = await home.relay()
    const pub = await bench('pub', tcp)
    expect(pub).toMatchObject({ v: 1, type: 'bench', what: 'pub', clients: 1, size: 64 })
    expect(pub['messages']).toBeGreaterThan(0)
    const fanout = await bench('fanout', tcp, '--clients', '4')
    expect(fanout['deliveries']).toBe(3 * (fanout['messages'] as number))
    expect(fanout['missing']).toBe(0)
    const latency = await bench('latency', tcp, '--rate', '50', '--size', '8')
    expect(latency['messages']).toBeGreaterThan(0)
    expect(latency['messages']).toBeLessThanOrEqual(15)
    expect(latency['missing']).toBe(0)
    const churn = await bench('churn', tcp, '--clients', '2')
    expect(churn['sessions']).toBeGreaterThan(1)
  })

  it('works over UDP and tells people in lines', async () => {
    const { udp } = await home.relay()
    const { code, stdout } = await home.run(['bench', 'latency', udp, '--duration', '200ms'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^latency: 2 clients, 64 bytes, udp:.*\n {2}[\d,]+ messages\/s.*\n {2}0 missing; /u,
    )
  })

  it('ends with the code of the first refusal', async () => {
    const { tcp } = await home.relay(['--limit', '1'])
    const { code, stderr } = await home.run(['bench', 'fanout', tcp, '--duration', '1s'])
    expect([code, stderr]).toEqual([7, expect.stringContaining('relay_full')])
  })

  it('leaves no trace in the home of its user', async () => {
    const { tcp } = await home.relay()
    await bench('pub', tcp)
    expect((await home.run(['id', 'list'])).stdout).not.toContain('bench')
  })

  it.each([[[]], [['speed', 'tcp://127.0.0.1']], [['fanout', 'tcp://127.0.0.1', '--clients', '1']]])(
    'refuses %s',
    async (words) => {
      expect((await home.run(['bench', ...words])).code).toBe(2)
    },
  )
})
