import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Home, jsonLines, type Outcome, type Relay } from './process.ts'

interface Answer {
  readonly status: number | undefined
  readonly body: string
}

describe.each([1, 2])('the administration of a relay with --workers %i', (workers) => {
  let home: Home
  let relay: Relay

  beforeEach(async () => {
    home = new Home()
    relay = await home.relay(['--admin', '127.0.0.1:0', '--name', 'kitchen', '--workers', `${workers}`])
  })

  afterEach(() => home.end())

  function admin(...words: string[]): Promise<Outcome> {
    return home.run(['admin', ...words, '--url', relay.adminUrl])
  }

  function ask(path: string, headers: Record<string, string>, body?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST'
      const asked = request(new URL(path, relay.adminUrl), { method, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, body: text }))
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }

  function token(): string {
    return readFileSync(join(home.folder, 'state/palaver/admin.token'), 'utf8').trim()
  }

  it('tells whether it is well to everybody, and everything else only with the token', async () => {
    expect(await ask('/healthz', {})).toEqual({ status: 200, body: '{"status":"ok"}\n' })
    expect((await ask('/v1/status', {})).status).toBe(401)
    expect((await ask('/v1/status', { authorization: `Bearer ${token()}x` })).status).toBe(401)
    expect((await ask('/v1/status', { authorization: `Bearer ${token()}` })).status).toBe(200)
  })

  it('answers no page whose name was bound to this machine', async () => {
    expect((await ask('/healthz', { host: 'evil.example' })).status).toBe(421)
    expect(
      (await ask('/v1/status', { host: 'evil.example:7671', authorization: `Bearer ${token()}` })).status,
    ).toBe(421)
  })

  it('takes no body beyond its limit, and none that is no JSON object', async () => {
    const headers = { authorization: `Bearer ${token()}` }
    expect((await ask('/v1/announce', headers, '[1]')).status).toBe(400)
    expect((await ask('/v1/announce', headers, '{"text":5}')).status).toBe(409)
    const large = `{"text":"${'x'.repeat(70_000)}"}`
    expect((await ask('/v1/announce', headers, large)).status).toBe(413)
    expect((await ask('/v1/nothing', headers, '{}')).status).toBe(404)
  })

  it('keeps its token where only the owner can read it', () => {
    expect(statSync(join(home.folder, 'state/palaver/admin.token')).mode & 0o777).toBe(0o600)
    expect(token().length).toBeGreaterThanOrEqual(32)
  })

  it('shows what there is', async () => {
    const recv = home.start(['recv', relay.udp, '-r', 'garden', '--nick', 'bob', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    const [status] = jsonLines((await admin('status', '--json')).stdout)
    expect(status).toMatchObject({
      v: 1,
      type: 'status',
      name: 'kitchen',
      sessions: 1,
      fingerprint: relay.fingerprint,
    })
    expect(jsonLines((await admin('sessions', '--json')).stdout)).toMatchObject([
      { type: 'session', name: 'bob', transport: 'udp' },
    ])
    const rooms = jsonLines((await admin('rooms', '--json')).stdout).map(({ name, count }) => [name, count])
    expect(rooms).toEqual([
      ['lobby', 0],
      ['garden', 1],
    ])
  })

  it('announces, limits, kicks, bans and forgives', async () => {
    const recv = home.start(['recv', relay.tcp, '-r', 'lobby', '--nick', 'bob', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    expect((await admin('announce', 'back', 'at', 'noon')).code).toBe(0)
    await recv.line((line) => line.includes('"type":"notice"') && line.includes('back at noon'))
    expect((await admin('ban', 'bob=1h', '--reason', 'noise')).code).toBe(0)
    const ended = await recv.outcome
    expect([ended.code, ended.stderr]).toEqual([6, expect.stringContaining('noise')])
    expect((await home.run(['rooms', relay.tcp, '--nick', 'bob'])).code).toBe(6)
    expect((await admin('unban', 'bob')).code).toBe(0)
    expect((await home.run(['rooms', relay.tcp, '--nick', 'bob'])).code).toBe(0)
  })

  it('says what it cannot do', async () => {
    expect((await admin('kick', 'nobody')).stderr).toContain('nobody is known by that name')
    expect((await admin('limit', '3', '-r', 'nowhere')).code).toBe(2)
    expect((await admin('statsu')).stderr).toContain('did you mean status?')
    const elsewhere = await home.run(['admin', 'status', '--url', 'http://127.0.0.1:1'])
    expect(elsewhere.code).toBe(3)
  })
})
