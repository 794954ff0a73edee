/** The driver of UDP links over real sockets: addresses, and what is left when something goes wrong. */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { udpTransport } from '../../src/node/udp-transport.ts'
import type { Link, LinkHandler, Listener } from '../../src/transport/index.ts'

const resolved = vi.hoisted(() => ({ addresses: [] as string[] }))
vi.mock('node:dns/promises', async (original) => {
  const dns = await original<typeof import('node:dns/promises')>()
  const lookup = async (host: string, options: { all: true }) =>
    host === 'many.test'
      ? resolved.addresses.map((address) => ({ address, family: 4 }))
      : dns.lookup(host, options)
  return { ...dns, lookup }
})

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)
const NOTHING: LinkHandler = { onBytes() {}, onWritable() {}, onEnd() {}, onClosed() {} }
const transport = udpTransport()
const listeners: Listener[] = []
const links: Link[] = []

afterEach(async () => {
  for (const link of links.splice(0)) link.abort()
  await Promise.all(listeners.splice(0).map((listener) => listener.close()))
  // Both ends forget the connection soon, and then nothing is left.
  await settles(() => socketCount() === 0)
})

async function listen(host: string, onLink: (link: Link) => LinkHandler = () => NOTHING): Promise<number> {
  const listener = await transport.listen({ host, port: 0 }, onLink)
  listeners.push(listener)
  return listener.address.port
}

function dial(host: string, port: number, timeoutMs = 3000): Promise<Link> {
  return new Promise((resolve, reject) => {
    const onLink = (link: Link): LinkHandler => {
      links.push(link)
      resolve(link)
      return NOTHING
    }
    transport.dial({ host, port }, onLink, { timeoutMs }).catch(reject)
  })
}

const socketCount = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length
const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done))

async function settles(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn()
}

describe('dialling', () => {
  it('reaches a relay by any spelling of its address', async () => {
    const link = await dial('0.0.0.0', await listen('127.0.0.1'))
    expect(link.remote?.host).toBe('127.0.0.1')
  })

  it.runIf(hasIpv6)('reaches a relay by any spelling of its IPv6 address', async () => {
    const link = await dial('0:0:0:0:0:0:0:1', await listen('::1'))
    expect(link.remote?.host).toBe('::1')
  })

  it('goes on to the next address of a host when the first says nothing', async () => {
    const port = await listen('127.0.0.2')
    resolved.addresses = ['127.0.0.3', '127.0.0.2']
    const link = await dial('many.test', port)
    expect(link.remote).toEqual({ host: '127.0.0.2', port })
    await settles(() => socketCount() === 2)
  })

  it('is refused when all addresses of a host are, and says why', async () => {
    const full = udpTransport({ limits: { connections: 0 } })
    const listener = await full.listen({ host: '127.0.0.1', port: 0 }, () => NOTHING)
    listeners.push(listener)
    resolved.addresses = ['127.0.0.1', '127.0.0.1']
    await expect(dial('many.test', listener.address.port)).rejects.toThrow('takes no more connections')
  })

  it('leaves no socket behind when nobody answers, or when it is given up', async () => {
    const silent = createSocket('udp4')
    await new Promise<void>((done) => silent.bind(0, '127.0.0.1', done))
    await expect(dial('127.0.0.1', silent.address().port, 50)).rejects.toMatchObject({ code: 'timeout' })
    const controller = new AbortController()
    const options = { timeoutMs: 60_000, signal: controller.signal }
    const waiting = transport.dial({ host: '127.0.0.1', port: silent.address().port }, () => NOTHING, options)
    setImmediate(() => controller.abort())
    await expect(waiting).rejects.toMatchObject({ code: 'closed' })
    await settles(() => socketCount() === 1)
    silent.close()
  })

  it('rejects with what the taker of the link throws', async () => {
    const port = await listen('127.0.0.1')
    const onLink = (): LinkHandler => {
      throw new Error('not this one')
    }
    await expect(transport.dial({ host: '127.0.0.1', port }, onLink, { timeoutMs: 3000 })).rejects.toThrow(
      'not this one',
    )
  })
})

describe('a link', () => {
  it.runIf(hasIpv6)('from an IPv4 address over an IPv6 socket is counted as IPv4', async () => {
    let seen: string | undefined
    const accepted = new Promise<void>((resolve) => {
      void listen('::', (link) => {
        seen = link.remote?.host
        resolve()
        return NOTHING
      }).then((port) => dial('127.0.0.1', port))
    })
    await accepted
    expect(seen).toBe('127.0.0.1')
  })

  it('aborted as it is offered tells its owner that it is over, once, and nothing else', async () => {
    const told: string[] = []
    const port = await listen('127.0.0.1', (link) => {
      link.abort()
      return {
        onBytes: () => told.push('bytes'),
        onWritable: () => told.push('writable'),
        onEnd: () => told.push('end'),
        onClosed: () => told.push('closed'),
      }
    })
    const over = new Promise<void>((resolve) => {
      const onLink = (link: Link): LinkHandler => {
        link.write(0, Buffer.from('x'))
        return { ...NOTHING, onClosed: () => resolve() }
      }
      void transport.dial({ host: '127.0.0.1', port }, onLink, { timeoutMs: 3000 })
    })
    await over
    expect(told).toEqual(['end', 'closed'])
  })
})
