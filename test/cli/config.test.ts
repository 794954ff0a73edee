import { describe, expect, it } from 'vitest'
import { LIMITS, RELAY_LIMITS } from '../../src/codec/generated/registry.ts'
import { ConfigError, parseConfig } from '../../src/node/config.ts'

function refusal(text: string, env: Record<string, string> = {}): string {
  try {
    parseConfig(text, 'relay.toml', env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

const KEY = 'ab'.repeat(32)

describe('a configuration', () => {
  it('may be empty', () => {
    expect(parseConfig('', 'relay.toml', {})).toMatchObject({ name: undefined, limits: {}, operators: [] })
  })

  it('holds everything a relay can be told', () => {
    const text = `
name = "kitchen"
listen = ["tcp://127.0.0.1", "udp://0.0.0.0:9"]
data_dir = "data"
workers = 3
[limits]
sessions = 5
idle_ms = "90s"
outbound_bytes = "2MiB"
[auth]
token_file = "token"
allow = ["${KEY.toUpperCase()}"]
operators = ["${KEY}"]
[rooms]
permanent = ["#lobby", "garden"]
[admin]
listen = "off"
`
    expect(parseConfig(text, 'relay.toml', {})).toEqual({
      name: 'kitchen',
      listen: ['tcp://127.0.0.1', 'udp://0.0.0.0:9'],
      dataDir: 'data',
      workers: 3,
      limits: { sessions: 5, idleMs: 90_000, outboundBytes: 2 * 1024 * 1024 },
      tokenFile: 'token',
      allow: [KEY],
      operators: [KEY],
      rooms: ['lobby', 'garden'],
      admin: 'off',
    })
  })

  it.each([
    ['a = 1', 'relay.toml:1: unknown key a; known are'],
    ['\nnmae = "x"', 'relay.toml:2: unknown key nmae; did you mean name?'],
    [
      '[limits]\n# none\nsesions = 1',
      'relay.toml:3: unknown key limits.sesions; did you mean limits.sessions?',
    ],
    ['limits.sesions = 1', 'relay.toml:1: unknown key limits.sesions; did you mean limits.sessions?'],
    ['name = "x"\n[limit]\nsessions = 1', 'relay.toml:2: unknown key limit; did you mean limits?'],
    ['[limits]\nsessions = 0', 'relay.toml:2: limits.sessions must be a whole number from 1'],
    ['[limits]\nsessions = 1.5', 'relay.toml:2: limits.sessions must be'],
    ['[limits]\nidle_ms = "soon"', 'relay.toml:2: limits.idle_ms must be'],
    [
      '[limits]\nframe_bytes = 1048576',
      'relay.toml:2: limits.frame_bytes must be a whole number from 1024 to 65536',
    ],
    ['limits = 1', 'relay.toml:1: limits is a section: write [limits]'],
    ['name = ', 'relay.toml:1: '],
    ['name = "a"\nname = "b"', 'relay.toml:2: '],
    ['[auth]\noperators = ["bob"]', 'relay.toml:2: auth.operators holds "bob", which is not a key'],
    ['[rooms]\npermanent = ["a b"]', 'relay.toml:2: rooms.permanent holds "a b", which cannot be'],
    ['listen = [1]', 'relay.toml:1: listen must be a list of texts'],
  ])('%j is refused with the line: %s', (text, message) => {
    expect(refusal(text)).toContain(message)
  })

  it.each(RELAY_LIMITS)('may state the limit %s as it is anyway', (name) => {
    const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const config = parseConfig(`[limits]\n${key} = ${LIMITS[name]}`, 'relay.toml', {})
    expect(config.limits).toEqual({ [name]: LIMITS[name] })
  })

  it('is overruled by the environment', () => {
    const env = {
      PALAVER__LIMITS__SESSIONS: '7',
      PALAVER__NAME: 'from env',
      PALAVER__ROOMS__PERMANENT: '["a"]',
    }
    const config = parseConfig('name = "x"\n[limits]\nsessions = 5', 'relay.toml', env)
    expect(config).toMatchObject({ name: 'from env', limits: { sessions: 7 }, rooms: ['a'] })
    expect(refusal('', { PALAVER__LIMITS__SESIONS: '7' })).toContain(
      'environment: unknown key limits.sesions',
    )
  })

  it('cannot reach what every object has', () => {
    expect(refusal('[__proto__]\nx = 1')).toContain('unknown key __proto__')
    expect(refusal('', { PALAVER__CONSTRUCTOR__NAME: '1' })).toContain('unknown key constructor')
    expect(LIMITS.sessions).toBe(10_000)
  })
})
