/** What the programs promise about lost links, stopped relays and their own sudden end. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Home, jsonLines, type Running } from './process.ts'

const SLOW = { timeout: 60_000 }

describe('programs whose relay or process ends at once', SLOW, () => {
  let home: Home
  let port: number
  let relay: Running

  beforeEach(async () => {
    home = new Home()
    port = await freePort()
    relay = await serve()
  })

  afterEach(() => home.end())

  const url = (): string => `tcp://127.0.0.1:${port}`

  async function serve(): Promise<Running> {
    const data = join(home.folder, 'data')
    const words = ['serve', '--json', '--admin', 'off', '--data', data]
    const running = home.start([...words, '-l', url(), '-l', `udp://127.0.0.1:${port}`])
    await running.line((line) => line.includes('"listening"'))
    return running
  }

  /** What the process started may go on, and hold its output open. */
  async function kill({ child }: Running): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** The texts in the log of the room. */
  async function log(room = 'lobby'): Promise<string[]> {
    const words = ['recv', url(), '-r', room, '--nick', 'reader', '--since', 'start', '--until-end', '--json']
    const { code, stdout, stderr } = await home.run(words)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    return textsOf(stdout)
  }

  //= PAL-MSG-024
  it('send --lines goes on where it was when the relay was killed and started again', async () => {
    const lines = Array.from({ length: 120 }, (_, i) => `line ${i}`)
    const send = home.start(['send', url(), '-r', 'lobby', '--nick', 'bot', '--lines', '--json', '--quiet'])
    send.child.stdin.write(`${lines.slice(0, 60).join('\n')}\n`)
    await send.line((line) => line.includes('"sent"'))
    await kill(relay)
    send.child.stdin.end(`${lines.slice(60).join('\n')}\n`)
    relay = await serve()
    const { code, stdout } = await send.outcome
    expect(code).toBe(0)
    const sent = jsonLines(stdout)
    expect(sent.map(({ type }) => type)).toEqual(lines.map(() => 'sent'))
    expect(new Set(sent.map(({ id }) => id)).size).toBe(lines.length)
    expect(await log()).toEqual(lines)
  })

  it('recv is given again what it was killed with, and nothing else twice', async () => {
    const recv = ['recv', url(), '-r', 'lobby', '--nick', 'ear', '--since', 'last', '--json']
    const first = home.start(recv)
    await first.line((line) => line.includes('"joined"'))
    await home.run(['send', url(), '-r', 'lobby', '--nick', 'bob', 'one'])
    await first.line((line) => line.includes('"one"'))
    await kill(first)
    await home.run(['send', url(), '-r', 'lobby', '--nick', 'bob', 'two'])
    // This one ends between handing the message over and being done with it.
    const mark = join(home.folder, 'mark')
    const exec = home.start([...recv, '--exec', `cat >> ${mark}; exec sleep 20`])
    await untilFile(mark, 'two')
    await kill(exec)
    const again = await home.run([...recv, '--until-end'])
    expect(textsOf(again.stdout)).toEqual(['two'])
    expect(textsOf((await home.run([...recv, '--until-end'])).stdout)).toEqual([])
  })

  it('chat sends once what was typed without a relay, also when it was killed meanwhile', async () => {
    const chat = ['chat', url(), '--nick', 'alice', '--json', '--patience', '50s']
    const first = home.start(chat)
    await first.line((line) => line.includes('"joined"'))
    first.child.stdin.write('before\n')
    await first.line((line) => line.includes('"before"'))
    await kill(relay)
    await first.line((line) => line.includes('"reconnecting"'))
    first.child.stdin.write('typed alone\n')
    await first.line((line) => line.includes('"pending"'))
    await kill(first)
    relay = await serve()
    const second = home.start(chat)
    await second.line((line) => line.includes('"sent"'))
    second.child.stdin.write('after\n')
    await second.line((line) => line.includes('"after"'))
    second.child.stdin.end()
    expect((await second.outcome).code).toBe(0)
    expect(await log()).toEqual(['before', 'typed alone', 'after'])
  })

  it('chat comes back by itself and misses nothing', async () => {
    const chat = home.start(['chat', url(), '--nick', 'alice', '--json', '--patience', '50s'])
    await chat.line((line) => line.includes('"joined"'))
    await kill(relay)
    await chat.line((line) => line.includes('"reconnecting"'))
    chat.child.stdin.write('mine\n')
    relay = await serve()
    await chat.line((line) => line.includes('"online"'))
    await home.run(['send', url(), '-r', 'lobby', '--nick', 'bob', 'theirs'])
    await chat.line((line) => line.includes('"theirs"'))
    chat.child.stdin.end('/transport udp\nby udp\n/transport tcp\nby tcp\n')
    const { code, stdout, stderr } = await chat.outcome
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(textsOf(stdout)).toEqual(['mine', 'theirs', 'by udp', 'by tcp'])
    expect(await log()).toEqual(['mine', 'theirs', 'by udp', 'by tcp'])
  })

  it('send --id does not send the same again', async () => {
    const send = ['send', url(), '-r', 'lobby', '--nick', 'bot', '--id', 'build 17', '--json', 'done']
    const [first] = jsonLines((await home.run(send)).stdout)
    const [second] = jsonLines((await home.run(send)).stdout)
    expect([first?.['id'], first?.['duplicate']]).toEqual(['build 17', false])
    expect([second?.['id'], second?.['duplicate'], second?.['seq']]).toEqual([
      'build 17',
      true,
      first?.['seq'],
    ])
    expect(await log()).toEqual(['done'])
  })

  it('direct messages wait until they were read, whatever else the reader does meanwhile', async () => {
    await home.run(['who', url(), '--nick', 'alice'])
    await home.run(['send', url(), '-t', 'alice', '--nick', 'bob', 'for you'])
    await home.run(['who', url(), '--nick', 'alice'])
    const recv = ['recv', url(), '-t', 'me', '--nick', 'alice', '--until-end', '--json']
    expect(textsOf((await home.run(recv)).stdout)).toEqual(['for you'])
    expect(textsOf((await home.run(recv)).stdout)).toEqual([])
  })

  it('recv --since takes a position and a time', async () => {
    for (const text of ['a', 'b', 'c']) await home.run(['send', url(), '-r', 'lobby', '--nick', 'bob', text])
    const recv = ['recv', url(), '-r', 'lobby', '--nick', 'ear', '--until-end', '--json']
    const all = jsonLines((await home.run([...recv, '--since', '1h'])).stdout).filter(isMessage)
    expect(all.map(({ text }) => text)).toEqual(['a', 'b', 'c'])
    const after = await home.run([...recv, '--since', String(all[1]?.['seq'])])
    expect(textsOf(after.stdout)).toEqual(['c'])
    expect(textsOf((await home.run([...recv, '--since', '1ms'])).stdout)).toEqual([])
  })

  it('a second program of the same identity says that it keeps nothing', async () => {
    const first = home.start(['chat', url(), '--nick', 'alice', '--json'])
    await first.line((line) => line.includes('"joined"'))
    const { code, stderr } = await home.run(['send', url(), '-r', 'lobby', '--nick', 'alice', 'hi'])
    expect(code).toBe(0)
    expect(stderr).toContain('another palaver runs as alice at this relay')
    expect((await first.outcome).code).toBe(3)
  })
})

const isMessage = ({ type }: Record<string, unknown>): boolean => type === 'message'

function textsOf(stdout: string): string[] {
  return jsonLines(stdout)
    .filter(isMessage)
    .map(({ text }) => String(text))
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Waits until the file holds the text: another process writes it. */
async function untilFile(path: string, text: string): Promise<void> {
  const { existsSync, readFileSync, watch } = await import('node:fs')
  const holds = (): boolean => existsSync(path) && readFileSync(path, 'utf8').includes(text)
  await new Promise<void>((resolve) => {
    const watcher = watch(join(path, '..'), () => done())
    const done = (): void => {
      if (!holds()) return
      watcher.close()
      resolve()
    }
    done()
  })
}
