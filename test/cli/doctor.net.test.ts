/** `palaver doctor`, and the traces and counters of links over UDP. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Home, jsonLines } from './process.ts'

let home: Home
beforeEach(() => {
  home = new Home()
})
afterEach(() => home.end())

describe('the doctor', () => {
  test('tells of each transport how it reaches the relay, and keeps no key', async () => {
    const relay = await home.relay()
    const { code, stdout } = await home.run(['doctor', `${relay.udp},${relay.tcp}`, '-n', '5', '--json'])
    expect(code).toBe(0)
    const [udp, tcp] = jsonLines(stdout)
    const both = {
      type: 'transport',
      reachable: true,
      pings: 5,
      trust: 'new',
      fingerprint: relay.fingerprint,
    }
    const seenAs = expect.stringMatching(/^127\.0\.0\.1:\d+$/u)
    expect(udp).toMatchObject({
      ...both,
      transport: 'udp',
      address: relay.udp,
      sealed: true,
      packetsLost: 0,
      seenAs,
    })
    expect(udp?.['mtuBytes']).toBeGreaterThanOrEqual(1228)
    expect(tcp).toMatchObject({ ...both, transport: 'tcp', address: relay.tcp, sealed: false, seenAs })
    expect(tcp).not.toHaveProperty('mtuBytes')
    for (const { rttMs, clockMs } of [udp, tcp] as Record<string, number>[]) {
      expect(rttMs).toBeGreaterThan(0)
      expect(Math.abs(clockMs as number)).toBeLessThan(10_000)
    }
    expect(existsSync(join(home.folder, 'config/palaver/known-relays.json'))).toBe(false)
  })

  test('of an address without transport looks over both, and one that answers is enough', async () => {
    const relay = await home.relay()
    const place = relay.tcp.slice('tcp://'.length)
    const { code, stdout } = await home.run(['doctor', place, '-n', '1', '--timeout', '1s'])
    expect(code).toBe(0)
    expect(stdout).toContain(`udp://${place}  !`)
    expect(stdout).toContain(`tcp://${place}  ✓`)
    expect(stdout).toContain('not met before')
  })

  test('ends with 3 where nobody answers, and with 4 where another relay does', async () => {
    const none = await home.run(['doctor', 'tcp://127.0.0.1:1', '--json'])
    expect(none.code).toBe(3)
    expect(jsonLines(none.stdout)).toMatchObject([{ reachable: false, code: 'refused' }])
    const relay = await home.relay()
    const link = `palaver://aaaa-aaaa-aaaa-aaaa@${relay.tcp.slice('tcp://'.length)}?via=tcp`
    const other = await home.run(['doctor', link, '-n', '1'])
    expect(other).toMatchObject({ code: 4, stdout: expect.stringContaining('NOT the one expected') })
  })

  test('leaves a session of the same person alone', async () => {
    const relay = await home.relay()
    const chat = home.start(['recv', relay.tcp, '-r', 'lobby', '-n', '1'])
    const people = async (): Promise<string> => (await home.run(['who', relay.tcp, '--nick', 'w'])).stdout
    while (!(await people()).includes('tester')) expect(chat.child.exitCode).toBeNull()
    expect((await home.run(['doctor', relay.tcp, '-n', '1'])).code).toBe(0)
    expect((await home.run(['send', relay.tcp, '-r', 'lobby', '--nick', 'bot', 'still there?'])).code).toBe(0)
    expect(await chat.outcome).toMatchObject({ code: 0, stdout: expect.stringContaining('still there?') })
  })
})

interface QlogRecord {
  readonly name: string
  readonly time: number
  readonly group_id: string
  readonly data: { readonly frames?: readonly { readonly frame_type: string }[] }
}

/** The records of a JSON text sequence. */
function records(path: string): { readonly header: Record<string, unknown>; readonly events: QlogRecord[] } {
  const texts = readFileSync(path, 'utf8').split('\x1e').slice(1)
  const [header, ...events] = texts.map((text) => JSON.parse(text) as unknown)
  return { header: header as Record<string, unknown>, events: events as QlogRecord[] }
}

describe('a trace of packets', () => {
  test('holds what a client and a relay did, and nothing of what was said', async () => {
    const ofRelay = join(home.folder, 'relay.sqlog')
    const ofClient = join(home.folder, 'client.sqlog')
    const relay = await home.relay(['--trace-udp', ofRelay])
    const words = ['send', relay.udp, '-r', 'lobby', 'a-secret-word', '--trace-udp', ofClient]
    expect((await home.run(words)).code).toBe(0)
    relay.running.child.kill('SIGTERM')
    await relay.running.outcome
    for (const [path, type] of [
      [ofClient, 'client'],
      [ofRelay, 'server'],
    ] as const) {
      const { header, events } = records(path)
      expect(header).toMatchObject({
        file_schema: 'urn:ietf:params:qlog:file:sequential',
        serialization_format: 'application/qlog+json-seq',
        trace: { vantage_point: { type } },
      })
      const names = new Set(events.map(({ name }) => name))
      expect(names).toContain('palaver_udp:packet_sent')
      expect(names).toContain('palaver_udp:packet_received')
      expect(names).toContain('palaver_udp:recovery_metrics_updated')
      expect(names).toContain('palaver_udp:connection_state_updated')
      expect(events.every(({ time, group_id }) => time >= 0 && /^[0-9a-f]{16}$/u.test(group_id))).toBe(true)
      const frames = events.flatMap(({ data }) => data.frames ?? []).map(({ frame_type }) => frame_type)
      expect(frames).toEqual(expect.arrayContaining(['ack', 'lane_sized']))
      expect(readFileSync(path, 'utf8')).not.toContain('a-secret-word')
      expect(statSync(path).mode & 0o077).toBe(0)
    }
  })

  test('that cannot be written is refused before anything is sent', async () => {
    const outcome = await home.run(['rooms', 'udp://127.0.0.1:1', '--trace-udp', '/nowhere/at/all'])
    expect(outcome).toMatchObject({ code: 3, stderr: expect.stringContaining('/nowhere/at/all') })
  })
})

describe('the administration', () => {
  test('shows how the packets of sessions over UDP fare', async () => {
    const data = join(home.folder, 'data')
    const relay = await home.relay(['--admin', '127.0.0.1:0', '--data', data])
    const admin = (...words: string[]) =>
      home.run(['admin', ...words, '--url', relay.adminUrl, '--data', data])
    home.start(['recv', relay.udp, '-r', 'lobby', '--nick', 'ear'])
    let shown = ''
    while (!shown.includes('ear')) shown = (await admin('sessions')).stdout
    expect(shown).toMatch(/RTT \d+\.\d ms, \d+ of \d+ packets lost/u)
    const [session] = jsonLines((await admin('sessions', '--json')).stdout)
    expect(session).toMatchObject({
      name: 'ear',
      datagrams: { packetsLost: 0, datagramBytes: expect.any(Number) },
    })
  })
})
