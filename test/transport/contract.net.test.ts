/** What every transport promises, run against each of them over real sockets. */
import { createHash } from 'node:crypto'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { Address } from '../../src/base/index.ts'
import { LinkWorkers } from '../../src/node/link-workers.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import {
  type Link,
  type LinkHandler,
  type Listener,
  memTransport,
  type Transport,
  tcpTransport,
  writeEphemeral,
} from '../../src/transport/index.ts'
import { WORKER_PROGRAM } from '../node/worker-program.ts'

const LOOPBACK: Address = { host: '127.0.0.1', port: 0 }
const TIMEOUT_MS = 5000

/** One end of a link: what came in, and promises for what will. */
class End implements LinkHandler {
  readonly link: Link
  readonly readsAtOnce: boolean
  readonly chunks: Buffer[] = []
  readonly unreliable: Buffer[] = []
  received = 0
  endCount = 0
  closedWith: string[] = []
  writableCount = 0
  onData: () => void = () => {}
  readonly #waits: { readonly isDone: () => boolean; readonly resolve: () => void }[] = []

  constructor(link: Link, readsAtOnce = false) {
    this.link = link
    this.readsAtOnce = readsAtOnce
  }

  onBytes(_lane: number, chunk: Uint8Array): void {
    if (this.closedWith.length > 0) throw new Error('bytes after the link was over')
    this.chunks.push(Buffer.from(chunk))
    this.received += chunk.length
    this.onData()
    this.#settle()
  }

  onUnreliable(_lane: number, bytes: Uint8Array): void {
    this.unreliable.push(Buffer.from(bytes))
    this.#settle()
  }

  onWritable(): void {
    this.writableCount += 1
    this.#settle()
  }

  onEnd(): void {
    this.endCount += 1
    this.#settle()
  }

  onClosed(detail: string): void {
    this.closedWith.push(detail)
    this.#settle()
  }

  /** Resolves once the condition holds; asked again whenever something happened. */
  until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve()
    return new Promise((resolve) => this.#waits.push({ isDone, resolve }))
  }

  #settle(): void {
    for (const wait of this.#waits.splice(0)) {
      if (wait.isDone()) wait.resolve()
      else this.#waits.push(wait)
    }
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }

  get isOver(): boolean {
    return this.closedWith.length > 0
  }
}

/** Bytes in which every position is recognisable. */
function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff
  return bytes
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Started for the first test that wants them. */
let workers: LinkWorkers | undefined

function startedWorkers(): LinkWorkers {
  workers ??= new LinkWorkers({ count: 2, program: WORKER_PROGRAM })
  return workers
}

afterAll(() => workers?.close())

/** Links that one side dials as ever, and of which workers carry the other end. */
function carried(dialled: Transport, accepted: Transport): Transport {
  return { kind: dialled.kind, dial: dialled.dial, listen: accepted.listen }
}

describe.each<[string, Transport['kind'], () => Transport, boolean?]>([
  ['tcp', 'tcp', () => tcpTransport],
  ['tcp read at once', 'tcp', () => tcpTransport, true],
  ['udp', 'udp', () => udpTransport()],
  ['mem', 'mem', () => memTransport()],
  ['tcp by workers', 'tcp', () => carried(tcpTransport, startedWorkers().tcpTransport())],
  ['udp by workers', 'udp', () => carried(udpTransport(), startedWorkers().udpTransport())],
])('%s', (_, kind, make, readsAtOnce) => {
  const listeners: Listener[] = []
  const ends: End[] = []

  afterEach(async () => {
    for (const end of ends.splice(0)) end.link.abort()
    await Promise.all(listeners.splice(0).map((listener) => listener.close()))
  })

  async function listen(transport: Transport, accepted: (end: End) => void, at = LOOPBACK): Promise<Address> {
    const listener = await transport.listen(at, (link) => {
      const end = new End(link, readsAtOnce)
      ends.push(end)
      accepted(end)
      return end
    })
    listeners.push(listener)
    return listener.address
  }

  async function dial(transport: Transport, address: Address): Promise<End> {
    let end: End | undefined
    await transport.dial(
      address,
      (link) => {
        end = new End(link, readsAtOnce)
        ends.push(end)
        return end
      },
      { timeoutMs: TIMEOUT_MS },
    )
    return end as unknown as End
  }

  async function pair(): Promise<{ near: End; far: End }> {
    const transport = make()
    let accept: (end: End) => void = () => {}
    const accepted = new Promise<End>((resolve) => {
      accept = resolve
    })
    const near = await dial(transport, await listen(transport, (end) => accept(end)))
    // Over UDP the listener's link may open only with the first packet that the dialler sends.
    return { near, far: await accepted }
  }

  test('port 0 takes a free port and tells which', async () => {
    const transport = make()
    const address = await listen(transport, () => {})
    expect(address.host).toBe('127.0.0.1')
    expect(address.port).toBeGreaterThan(0)
  })

  test('bytes go both ways, in order', async () => {
    const { near, far } = await pair()
    expect([near.link.kind, far.link.kind]).toEqual([kind, kind])
    for (let i = 0; i < 100; i++) {
      near.link.write(0, Buffer.from(`to ${i};`))
      far.link.write(0, Buffer.from(`fro ${i};`))
    }
    const to = Array.from({ length: 100 }, (_, i) => `to ${i};`).join('')
    const fro = Array.from({ length: 100 }, (_, i) => `fro ${i};`).join('')
    await Promise.all([
      far.until(() => far.received >= to.length),
      near.until(() => near.received >= fro.length),
    ])
    expect([far.text, near.text]).toEqual([to, fro])
  })

  test('the binding is the same on both ends, and empty on a plain stream', async () => {
    const { near, far } = await pair()
    expect(Buffer.from(near.link.binding)).toEqual(Buffer.from(far.link.binding))
    expect(near.link.binding.length > 0).toBe(kind === 'udp')
    expect(near.link.laneCount).toBe(kind === 'udp' ? 64 : 1)
  })

  test('corked writes arrive like others', async () => {
    const { near, far } = await pair()
    near.link.cork()
    near.link.write(0, Buffer.from('one '))
    near.link.write(0, Buffer.from('two'))
    near.link.uncork()
    await far.until(() => far.received === 7)
    expect(far.text).toBe('one two')
  })

  test('corked writes count as waiting, and keep their order whatever their size', async () => {
    const { near, far } = await pair()
    near.link.cork()
    near.link.write(0, Buffer.from('first'))
    near.link.write(0, Buffer.alloc(300_000, 'x'))
    near.link.write(0, Buffer.from('last'))
    if (kind === 'tcp') expect(near.link.writable).toBe(false)
    near.link.uncork()
    await far.until(() => far.received === 300_009)
    expect([far.text.slice(0, 6), far.text.slice(-5)]).toEqual(['firstx', 'xlast'])
    await near.until(() => near.link.writable)
  })

  test('a large transfer arrives whole, at the pace of the link', async () => {
    const { near, far } = await pair()
    const whole = pattern(8 * 1024 * 1024, 3)
    let offset = 0
    while (offset < whole.length) {
      while (near.link.writable && offset < whole.length) {
        near.link.write(0, whole.subarray(offset, offset + 16_384))
        offset += 16_384
      }
      const before = near.writableCount
      if (offset < whole.length) await near.until(() => near.writableCount > before || near.link.writable)
    }
    await far.until(() => far.received === whole.length)
    expect(digest(Buffer.concat(far.chunks))).toBe(digest(whole))
    expect(near.writableCount).toBeGreaterThan(0)
  })

  test('a reader that pauses holds the writer back, and gets the rest when it resumes', async () => {
    const { near, far } = await pair()
    near.link.write(0, Buffer.from('go'))
    await far.until(() => far.received === 2)
    far.link.pause()
    const piece = pattern(65_536, 5)
    let written = 0
    while (near.link.writable && written < 64 * 1024 * 1024) {
      near.link.write(0, piece)
      written += piece.length
      // Sockets take bytes in turns of their own.
      await new Promise((done) => setImmediate(done))
    }
    expect(near.link.writable).toBe(false)
    expect(written).toBeLessThan(64 * 1024 * 1024)
    const paused = far.received
    await new Promise((done) => setImmediate(done))
    expect(far.received - paused).toBeLessThan(4 * 1024 * 1024)
    far.link.resume()
    await Promise.all([
      far.until(() => far.received === written + 2),
      near.until(() => near.link.writable && near.writableCount > 0),
    ])
  })

  test('what is of use soon or never arrives where nothing is lost: by itself, or in its lane', async () => {
    const { near, far } = await pair()
    near.link.write(0, Buffer.from('go'))
    await far.until(() => far.received === 2)
    const isUnreliable = near.link.writeUnreliable !== undefined
    const has = (): boolean => (isUnreliable ? far.unreliable.length > 0 : far.received > 2)
    writeEphemeral(near.link, 0, Buffer.from('alice is typing'))
    // A process that is held up gives up what has become old.
    while (isUnreliable && !has()) {
      writeEphemeral(near.link, 0, Buffer.from('alice is typing'))
      await new Promise((done) => setImmediate(done))
    }
    await far.until(has)
    expect(isUnreliable ? String(far.unreliable[0]) : far.text.slice(2)).toBe('alice is typing')
    // Too long for one packet: the reliable way.
    const before = far.received
    writeEphemeral(near.link, 0, pattern(2000, 1))
    await far.until(() => far.received === before + 2000)
    expect(far.unreliable.length > 0).toBe(isUnreliable)
  })

  test('an end comes behind everything that was written, and closes both when both have ended', async () => {
    const { near, far } = await pair()
    const whole = pattern(700_000, 9)
    near.link.write(0, whole)
    near.link.end()
    await far.until(() => far.endCount > 0)
    expect(digest(Buffer.concat(far.chunks))).toBe(digest(whole))
    far.link.end()
    await Promise.all([near.until(() => near.isOver), far.until(() => far.isOver)])
    expect([near.closedWith.length, far.closedWith.length]).toEqual([1, 1])
    expect(far.endCount).toBe(1)
  })

  test('an abort ends both, each is told once, and later calls do nothing', async () => {
    const { near, far } = await pair()
    far.link.write(0, Buffer.from('x'))
    await near.until(() => near.received === 1)
    near.link.abort()
    await Promise.all([near.until(() => near.isOver), far.until(() => far.isOver)])
    for (const { link } of [near, far]) {
      link.write(0, Buffer.from('late'))
      link.end()
      link.abort()
      link.pause()
      link.resume()
      link.cork()
      link.uncork()
    }
    await new Promise((done) => setImmediate(done))
    expect([near.closedWith.length, far.closedWith.length]).toEqual([1, 1])
    expect(near.closedWith[0]).toMatch(/^[a-z[]/u)
  })

  test('what is written after the end is dropped, and the link ends as if it had not been', async () => {
    const { near, far } = await pair()
    near.link.write(0, Buffer.from('last'))
    near.link.end()
    near.link.write(0, Buffer.from('too late'))
    near.link.end()
    await far.until(() => far.endCount > 0)
    expect(far.text).toBe('last')
    far.link.end()
    await Promise.all([near.until(() => near.isOver), far.until(() => far.isOver)])
  })

  test('a listener that closes accepts nothing more, and leaves open links alone', async () => {
    const transport = make()
    let accept: (end: End) => void = () => {}
    const accepted = new Promise<End>((resolve) => {
      accept = resolve
    })
    const address = await listen(transport, (end) => accept(end))
    const near = await dial(transport, address)
    const far = await accepted
    const closing = (listeners.pop() as Listener).close()
    await expect(transport.dial(address, () => new End(near.link), { timeoutMs: 300 })).rejects.toMatchObject(
      { name: 'TransportError' },
    )
    near.link.write(0, Buffer.from('still here'))
    await far.until(() => far.received === 10)
    near.link.abort()
    await far.until(() => far.isOver)
    await closing
  })

  test('many links at once do not mix', async () => {
    const transport = make()
    const far: End[] = []
    const address = await listen(transport, (end) => {
      far.push(end)
      end.onData = () => end.link.write(0, end.chunks.at(-1) as Buffer)
    })
    const near = await Promise.all(Array.from({ length: 40 }, () => dial(transport, address)))
    near.forEach((end, i) => void end.link.write(0, Buffer.from(`link ${i}`)))
    await Promise.all(near.map((end, i) => end.until(() => end.received === `link ${i}`.length)))
    expect(near.map((end) => end.text)).toEqual(near.map((_, i) => `link ${i}`))
    expect(new Set(far.map((end) => `${end.link.remote?.host}:${end.link.remote?.port}`)).size).toBe(40)
  })
})
