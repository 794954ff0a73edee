import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ERRORS, encodeFrame } from '../../src/codec/index.ts'
import { Home, jsonLines } from './process.ts'

describe('exit codes', () => {
  let home: Home

  beforeEach(() => {
    home = new Home()
  })

  afterEach(() => home.end())

  it('0 when a message is in the log', async () => {
    const { tcp } = await home.relay()
    const { code, stdout } = await home.run(['send', tcp, '-r', '#lobby', 'hello', '--json'])
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toEqual([
      {
        v: 1,
        type: 'sent',
        id: expect.any(String),
        room: '#lobby',
        seq: '2',
        at: expect.any(String),
        duplicate: false,
      },
    ])
  })

  it('2 for a misspelt option, which names the nearest one', async () => {
    const { code, stderr } = await home.run(['send', 'tcp://127.0.0.1', '--romo', 'x'])
    expect([code, stderr]).toEqual([2, 'error: send has no option --romo\n  did you mean --room?\n'])
  })

  it('2 for a misspelt command, which names the nearest one', async () => {
    const { code, stderr } = await home.run(['sned'])
    expect([code, stderr]).toEqual([
      2,
      'error: "sned" is neither a command nor an address\n  did you mean: palaver send?\n',
    ])
  })

  it('2 without a terminal and without a command', async () => {
    const { code, stderr } = await home.run(['tcp://127.0.0.1'])
    expect(code).toBe(2)
    expect(stderr).toContain('palaver chat, send or recv')
  })

  it('2 for a name that no relay would take', async () => {
    const { code, stderr } = await home.run(['send', 'tcp://127.0.0.1', '-r', 'x', '--nick', 'a b', 'hi'])
    expect(code).toBe(2)
    expect(stderr).toContain('"a b" cannot be a name')
  })

  it('2 for a person nobody knows', async () => {
    const { tcp } = await home.relay()
    const { code, stderr } = await home.run(['send', tcp, '-t', 'nobody', 'hi'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: nobody: .* \[no_such_name 0x0207\]\n {2}\S/u)
  })

  it('3 when nothing listens there', async () => {
    const { code, stderr } = await home.run(['send', 'tcp://127.0.0.1:1', '-r', 'x', 'hi'])
    expect(code).toBe(3)
    expect(stderr).toBe(
      'error: cannot connect to tcp://127.0.0.1:1: nothing listens there\n' +
        '  is the relay running there? start one with: palaver serve\n',
    )
  })

  it('3 when nobody answers on UDP within the timeout', async () => {
    const { code, stderr } = await home.run([
      'send',
      'udp://127.0.0.1:1',
      '-r',
      'x',
      '--timeout',
      '300ms',
      'hi',
    ])
    expect(code).toBe(3)
    expect(stderr).toContain('no answer')
  })

  it('3 when the relay goes away', async () => {
    const relay = await home.relay()
    const recv = home.start(['recv', relay.tcp, '-r', 'lobby', '--patience', '0s', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    relay.running.child.kill('SIGTERM')
    const { code, stderr } = await recv.outcome
    expect(code).toBe(3)
    expect(jsonLines(stderr)).toMatchObject([
      { v: 1, type: 'error', code: 'going_away', wire: 273, retryable: true },
    ])
  })

  it('3 when the link is cut', async () => {
    const relay = await home.relay()
    const recv = home.start(['recv', relay.tcp, '-r', 'lobby', '--patience', '0s', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    relay.running.child.kill('SIGKILL')
    expect((await recv.outcome).code).toBe(3)
  })

  it('4 when a relay known by its key shows another one', async () => {
    const first = await home.relay()
    await home.run(['rooms', first.tcp])
    first.running.child.kill('SIGKILL')
    await first.running.outcome
    const second = await home.relay(['-l', first.tcp])
    const { code, stderr } = await home.run(['rooms', second.tcp])
    expect(code).toBe(4)
    expect(stderr).toContain(`palaver id forget-relay ${first.tcp}`)
    expect((await home.run(['id', 'forget-relay', first.tcp])).code).toBe(0)
    expect((await home.run(['rooms', second.tcp])).code).toBe(0)
  })

  it('4 when the fingerprint of a link is not that of the relay', async () => {
    const { tcp, fingerprint } = await home.relay()
    const place = tcp.slice('tcp://'.length)
    const wrong = await home.run(['rooms', `palaver://aaaaaaaaaaaaaaaa@${place}/lobby`])
    expect(wrong.code).toBe(4)
    expect((await home.run(['rooms', `palaver://${fingerprint}@${place}/lobby`])).code).toBe(0)
  })

  it('5 when the relay has too many links from this address', async () => {
    const close = encodeFrame({ type: 'close', code: ERRORS.too_many_links, text: 'enough', retryMs: 0 })
    const relay = createServer((socket) => socket.on('error', () => {}).end(close))
    await new Promise<void>((done) => relay.listen(0, '127.0.0.1', done))
    const { port } = relay.address() as AddressInfo
    const { code, stderr } = await home.run(['rooms', `tcp://127.0.0.1:${port}`])
    relay.close()
    expect(code).toBe(5)
    expect(stderr).toContain('[too_many_links 0x0112]')
  })

  it('6 without the token, 0 with it', async () => {
    const token = join(home.folder, 'token')
    writeFileSync(token, 'let me in\n')
    const { tcp } = await home.relay(['--token-file', token])
    expect((await home.run(['rooms', tcp])).code).toBe(6)
    expect((await home.run(['rooms', tcp, '--token-file', token])).code).toBe(0)
    expect((await home.run(['rooms', tcp], { env: { PALAVER_TOKEN: 'let me in' } })).code).toBe(0)
  })

  it('6 when the name belongs to somebody else', async () => {
    const { tcp } = await home.relay()
    await home.run(['rooms', tcp, '--nick', 'alice'])
    const { code, stderr } = await home.run(['rooms', tcp, '--nick', 'alice', '--identity', 'other'])
    expect(code).toBe(6)
    expect(stderr).toContain('[name_taken 0x0107]')
  })

  it('6 when an operator may do that and this one is none', async () => {
    const { tcp } = await home.relay()
    const talk = await home.run(['chat', tcp, '--nick', 'alice'], { input: '/kick alice\n' })
    expect(talk.code).toBe(2)
    expect(talk.stderr).toContain('not_permitted')
  })

  it('6 when kicked from the relay', async () => {
    const relay = await home.relay(['--admin', '127.0.0.1:0'])
    const recv = home.start(['recv', relay.tcp, '-r', 'lobby', '--nick', 'bob', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    expect((await home.run(['admin', 'kick', 'bob', '--url', relay.adminUrl])).code).toBe(0)
    expect((await recv.outcome).code).toBe(6)
  })

  it('6 when put out of the room', async () => {
    const relay = await home.relay(['--admin', '127.0.0.1:0'])
    const recv = home.start(['recv', relay.udp, '-r', 'lobby', '--nick', 'bob', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    await home.run(['admin', 'kick', 'bob', '-r', 'lobby', '--reason', 'too loud', '--url', relay.adminUrl])
    const { code, stderr } = await recv.outcome
    expect(code).toBe(6)
    expect(jsonLines(stderr)).toMatchObject([
      { code: 'removed', message: expect.stringContaining('too loud') },
    ])
  })

  it('7 when no session is free', async () => {
    const { tcp } = await home.relay(['--limit', '1'])
    const recv = home.start(['recv', tcp, '-r', 'lobby', '--nick', 'first', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    const { code, stderr } = await home.run(['rooms', tcp, '--nick', 'second'])
    expect(code).toBe(7)
    expect(stderr).toContain('[relay_full 0x010b]')
  })

  it('7 when the room is full', async () => {
    const relay = await home.relay(['--admin', '127.0.0.1:0'])
    const recv = home.start(['recv', relay.tcp, '-r', 'lobby', '--nick', 'first', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    await home.run(['admin', 'limit', '1', '-r', 'lobby', '--url', relay.adminUrl])
    const { code, stderr } = await home.run(['send', relay.udp, '-r', 'lobby', '--nick', 'second', 'hi'])
    expect(code).toBe(7)
    expect(stderr).toMatch(/^error: #lobby: .* \[room_full 0x0203\]\n {2}.*palaver admin limit/u)
  })

  it('8 when nothing comes in time', async () => {
    const { tcp } = await home.relay()
    expect((await home.run(['recv', tcp, '-r', 'lobby', '-n', '1', '-w', '200ms'])).code).toBe(8)
  })

  it('9 when what answers does not speak the protocol', async () => {
    const server = await answering('HTTP/1.1 400 Bad Request\r\n\r\n')
    const { port } = server.address() as { port: number }
    const { code, stderr } = await home.run(['rooms', `tcp://127.0.0.1:${port}`])
    server.close()
    expect(code).toBe(9)
    expect(stderr).toMatch(/^error: .*\n {2}send less at once|^error: .*\n {2}the program at the other end/u)
  })

  it('130 and 143 by signal', async () => {
    const { tcp } = await home.relay()
    for (const [signal, expected] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const recv = home.start(['recv', tcp, '-r', 'lobby', '--json'])
      await recv.line((line) => line.includes('"joined"'))
      recv.child.kill(signal)
      expect((await recv.outcome).code).toBe(expected)
    }
  })

  it('0, without a word, when the reader goes away', async () => {
    const { tcp } = await home.relay()
    const recv = home.start(['recv', tcp, '-r', 'lobby', '--nick', 'ear', '--json'])
    await recv.line((line) => line.includes('"joined"'))
    recv.child.stdout.destroy()
    const sent = home.run(['send', tcp, '-r', 'lobby', '--nick', 'bot', '--lines'], { input: 'a\nb\nc\n' })
    expect((await recv.outcome).code).toBe(0)
    expect(recv.stderr).toBe('')
    await sent
  })
})

function answering(text: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(text)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
