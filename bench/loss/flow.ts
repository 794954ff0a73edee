/** A flow that always has something to send, or its sink: `source|sink udp|tcp HOST PORT`. */
import { connect, createServer } from 'node:net'
import { FIRST_CONVERSATION_LANE } from '../../src/base/lanes.ts'
import { udpTransport } from '../../src/node/index.ts'
import type { Link, LinkHandler } from '../../src/transport/index.ts'
import { type Order, Sightings, tell } from './talk.ts'

const CHUNK = new Uint8Array(64 * 1024)
const [role, kind, host = '', portText] = process.argv.slice(2)
const port = Number(portText)
const sightings = new Sightings()

function handler(link: Link): LinkHandler {
  const fill = (): void => {
    while (role === 'source' && link.writable) link.write(FIRST_CONVERSATION_LANE, CHUNK)
  }
  fill()
  return {
    onBytes(_lane, chunk) {
      sightings.bulkBytes += chunk.length
    },
    onWritable: fill,
    onEnd() {},
    onClosed: (detail) => tell({ type: 'lost', text: detail }),
  }
}

async function startUdp(): Promise<void> {
  const transport = udpTransport()
  if (role === 'sink') await transport.listen({ host, port }, handler)
  else await transport.dial({ host, port }, handler, { timeoutMs: 20_000 })
}

async function startTcp(): Promise<void> {
  if (role === 'sink') {
    const server = createServer((socket) =>
      socket.on('data', (chunk) => {
        sightings.bulkBytes += chunk.length
      }),
    )
    await new Promise<void>((done) => server.listen(port, host, done))
    return
  }
  const socket = connect({ host, port })
  await new Promise((done) => socket.once('connect', done))
  const fill = (): void => {
    while (socket.write(CHUNK));
  }
  socket.on('drain', fill)
  fill()
}

await (kind === 'udp' ? startUdp() : startTcp())
tell({ type: 'ready' })
process.on('message', (order: Order) => {
  if (order.type === 'report') tell({ type: 'report', ...sightings.report(), underWay: 0 })
})
process.on('disconnect', () => process.exit(0))
