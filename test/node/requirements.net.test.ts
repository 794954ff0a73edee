/** What the specification asks of programs that own files, sockets and the system's generator. */
import crypto from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hexOf } from '../../src/base/index.ts'
import { encodeFrame } from '../../src/codec/index.ts'
import { parseRelayAddress } from '../../src/node/address.ts'
import { ClientConnection, type OpenOptions } from '../../src/node/client-connection.ts'
import { openIdentity } from '../../src/node/identity-file.ts'
import { forgetRelay, keepRelay, knownRelay, knownRelaysPath } from '../../src/node/known-relays.ts'
import { connect } from '../../src/node/library.ts'
import { identityOfSeed, systemEntropy } from '../../src/node/primitives.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { ephemeralStore } from '../../src/node/store.ts'
import { memTransport, tcpTransport } from '../../src/transport/index.ts'
import type { Link, LinkHandler, Transport } from '../../src/transport/transport.ts'

const SRC = join(import.meta.dirname, '..', '..', 'src')
const RETRY_WAIT_MS = 60_000

function sourceFiles(): { readonly name: string; readonly text: string }[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name, text: readFileSync(join(SRC, name), 'utf8') }))
}

describe('chance', () => {
  //= PAL-CNV-002
  test('comes from the generator of the system, for keys, nonces and sessions', () => {
    const real = crypto.randomBytes
    const asked: number[] = []
    const watched = (byteCount: number): Buffer => {
      asked.push(byteCount)
      return real(byteCount)
    }
    Object.assign(crypto, { randomBytes: watched })
    syncBuiltinESMExports()
    try {
      // Small amounts are cut from a pool of the generator's bytes, each byte given out once.
      const bytes = Array.from({ length: 400 }, () => systemEntropy(32))
      const generated = asked.reduce((sum, byteCount) => sum + byteCount, 0)
      expect(generated).toBeGreaterThanOrEqual(400 * 32 - 4096)
      expect(new Set(bytes.map(hexOf)).size).toBe(400)
      expect(systemEntropy(5000)).toHaveLength(5000)
      expect(asked.at(-1)).toBe(5000)
      const { identitySeed, linkSecret } = ephemeralStore().secrets
      expect([identitySeed.length, linkSecret.length]).toEqual([32, 32])
      expect(hexOf(identitySeed)).not.toBe(hexOf(linkSecret))
    } finally {
      Object.assign(crypto, { randomBytes: real })
      syncBuiltinESMExports()
    }
  })

  //= PAL-CNV-002
  test('has no other source anywhere', () => {
    const files = sourceFiles()
    expect(files.length).toBeGreaterThan(80)
    for (const { name, text } of files) expect(text.includes('Math.random'), name).toBe(false)
  })
})

describe('a stream', () => {
  //= PAL-STR-012
  test('carries the frames of every lane in the order they were written, as lane 0', async () => {
    const received: { lane: number; bytes: Uint8Array }[] = []
    let settle = (): void => {}
    const done = new Promise<void>((resolve) => {
      settle = resolve
    })
    const handler = (onBytes: LinkHandler['onBytes']): LinkHandler => ({
      onBytes,
      onWritable: () => {},
      onEnd: () => {},
      onClosed: () => settle(),
    })
    const listener = await tcpTransport.listen({ host: '127.0.0.1', port: 0 }, (link) => {
      expect(link.laneCount).toBe(1)
      return handler((lane, bytes) => {
        received.push({ lane, bytes: bytes.slice() })
        if (received.reduce((sum, each) => sum + each.bytes.length, 0) === expected.length) link.end()
      })
    })
    const frames = [5, 0, 63, 5].map((lane, nonce) => ({
      lane,
      bytes: encodeFrame({ type: 'ping', nonce, conversation: 0 }),
    }))
    const expected = Buffer.concat(frames.map(({ bytes }) => bytes))
    let near: Link | undefined
    await tcpTransport.dial(
      listener.address,
      (link) => {
        near = link
        return handler(() => {})
      },
      { timeoutMs: 2000 },
    )
    for (const { lane, bytes } of frames) near?.write(lane, bytes)
    near?.end()
    await done
    await listener.close()
    expect(Buffer.concat(received.map(({ bytes }) => bytes)).equals(expected)).toBe(true)
    expect(new Set(received.map(({ lane }) => lane))).toEqual(new Set([0]))
  })
})

describe('files of a person', () => {
  let folder: string
  const before = process.env['XDG_CONFIG_HOME']
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palaver-config-'))
    process.env['XDG_CONFIG_HOME'] = folder
  })
  afterEach(() => {
    if (before === undefined) delete process.env['XDG_CONFIG_HOME']
    else process.env['XDG_CONFIG_HOME'] = before
    rmSync(folder, { recursive: true, force: true })
  })

  //= PAL-HSK-016
  //= PAL-SEC-004
  test('hold a client id made once, and nobody else can read them', () => {
    const first = openIdentity({ identity: undefined, nick: 'alice' })
    const again = openIdentity({ identity: undefined, nick: 'alice' })
    expect(again.clientId).toEqual(first.clientId)
    expect(first.clientId).toHaveLength(8)
    expect([first.isNew, again.isNew]).toEqual([true, false])
    expect(statSync(first.path).mode & 0o077).toBe(0)
    expect(statSync(join(folder, 'palaver')).mode & 0o077).toBe(0)
    process.env['XDG_CONFIG_HOME'] = join(folder, 'another')
    expect(openIdentity({ identity: undefined, nick: 'alice' }).clientId).not.toEqual(first.clientId)
  })

  //= PAL-SEC-003
  test('keep the first key of a relay until it is forgotten', () => {
    const place = { host: 'chat.example', port: 7667 }
    const [first, second] = [systemEntropy(32), systemEntropy(32)]
    const now = new Date(0)
    keepRelay(place, first, 'one', now)
    keepRelay(place, second, 'two', now)
    expect(knownRelay(place)?.key).toEqual(first)
    expect(statSync(knownRelaysPath()).mode & 0o077).toBe(0)
    expect(forgetRelay(place)).toBe(true)
    keepRelay(place, second, 'two', now)
    expect(knownRelay(place)?.key).toEqual(second)
  })
})

describe('plain streams', () => {
  //= PAL-SEC-001
  test('are used beyond this machine only when the address says so', () => {
    const kindOf = (text: string): string => parseRelayAddress(text).transport
    for (const far of ['chat.example', '192.0.2.7', '[2001:db8::1]:1', 'palaver://chat.example/x'])
      expect(kindOf(far)).toBe('udp')
    for (const told of ['tcp://chat.example', 'palaver://chat.example/?via=tcp'])
      expect(kindOf(told)).toBe('tcp')
    for (const near of ['localhost', '127.0.0.1', '[::1]:5']) expect(kindOf(near)).toBe('tcp')
  })

  //= PAL-SEC-002
  test('take no token to another machine unless that is allowed', async () => {
    const dialled: string[] = []
    const transport: Transport = {
      kind: 'tcp',
      listen: () => Promise.reject(new Error('not here')),
      dial: ({ host }) => {
        dialled.push(host)
        return Promise.reject(new Error('far away'))
      },
    }
    const open = (host: string, changes: Partial<OpenOptions> = {}): Promise<ClientConnection> =>
      ClientConnection.open({
        transport,
        address: { host, port: 1 },
        name: 'alice',
        identity: identityOfSeed(systemEntropy(32)),
        clientId: systemEntropy(8),
        agent: 'test/1',
        token: 'secret',
        timeoutMs: 100,
        onEvent: () => {},
        ...changes,
      })
    await expect(open('192.0.2.1')).rejects.toMatchObject({ code: 'bad_argument' })
    await expect(open('chat.example')).rejects.toMatchObject({ code: 'bad_argument' })
    expect(dialled).toEqual([])
    await expect(open('192.0.2.1', { allowsPlainToken: true })).rejects.toThrow('far away')
    await expect(open('192.0.2.1', { token: undefined })).rejects.toThrow('far away')
    await expect(open('192.0.2.1', { transport: { ...transport, kind: 'udp' } })).rejects.toThrow('far away')
    await expect(open('127.0.0.1')).rejects.toThrow('far away')
    await expect(open('localhost')).rejects.toThrow('far away')
    expect(dialled).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.1', '127.0.0.1', 'localhost'])
    const options = { nick: 'alice', token: 'secret', timeoutMs: 50 }
    await expect(connect('tcp://192.0.2.1', options)).rejects.toMatchObject({ code: 'bad_argument' })
  })
})

describe('a session that ended', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  async function served(): Promise<{
    readonly server: RelayServer
    readonly dials: () => number
    readonly open: () => Promise<ClientConnection>
  }> {
    const inner = memTransport()
    let dials = 0
    const transport: Transport = {
      ...inner,
      dial: (...how) => {
        dials += 1
        return inner.dial(...how)
      },
    }
    const server = new RelayServer({ relay: { name: 'ends' }, store: ephemeralStore() })
    const address = await server.listen(transport, { host: 'mem', port: 0 })
    const identity = identityOfSeed(systemEntropy(32))
    const means = { name: 'alice', identity, clientId: systemEntropy(8), agent: 'test/1' }
    const open = (): Promise<ClientConnection> =>
      ClientConnection.open({ ...means, transport, address, timeoutMs: 2000, onEvent: () => {} })
    return { server, dials: () => dials, open }
  }

  //= PAL-SES-022
  //= PAL-SES-023
  //= PAL-SES-024
  test('is not opened anew by the library, whatever it ended with: that is left to the program', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval'], shouldAdvanceTime: true })
    const { server, dials, open } = await served()
    const first = await open()
    const second = await open()
    expect((await first.closed).name).toBe('replaced')
    await server.close(10)
    expect((await second.closed).name).toBe('going_away')
    await vi.advanceTimersByTimeAsync(RETRY_WAIT_MS)
    expect(dials()).toBe(2)
    await expect(second.request({ type: 'list', after: '' })).rejects.toMatchObject({ code: 'going_away' })
    expect(dials()).toBe(2)
  })

  //= PAL-HSK-010
  test('was never one when the link names another relay: no auth is sent', async () => {
    const server = new RelayServer({ relay: { name: 'other' }, store: ephemeralStore() })
    const { port } = await server.listen(tcpTransport, { host: '127.0.0.1', port: 0 })
    const link = `palaver://abcdefghijklmnop@127.0.0.1:${port}/lobby`
    await expect(connect(link, { nick: 'alice', token: 'secret' })).rejects.toMatchObject({
      code: 'bad_signature',
    })
    expect(server.core.hub.directory.lookUp('alice')).toBeUndefined()
    await server.close(100)
  })
})
