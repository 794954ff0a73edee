/** KCP in its fast mode over node:dgram: one connection, messages in one order. */
import { createSocket } from 'node:dgram'
import { createRequire } from 'node:module'
import { HOSTS, PORT, runPeer } from './peer.js'

// Its package.json names another file as the main one.
const kcp = createRequire(import.meta.url)('node-kcp/index.js')
const CONV = 77
const TICK_MS = 5
const WINDOW_PACKETS = 256

function open(own, other, onBody) {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const link = new kcp.KCP(CONV, {})
    // Fast mode: no delay, a tick of 10 ms (the least it takes), resend after 2 skips, no congestion window.
    link.nodelay(1, 10, 2, 1)
    link.wndsize(WINDOW_PACKETS, WINDOW_PACKETS)
    link.output((bytes, size) => socket.send(bytes.subarray(0, size), PORT, other))
    const send = (body) => {
      link.send(Buffer.from(body))
      link.flush()
    }
    const drain = () => {
      for (let body = link.recv(); body && body.length > 0; body = link.recv()) onBody(body, send)
    }
    socket.on('message', (bytes) => {
      link.input(bytes)
      drain()
    })
    setInterval(() => {
      link.update(Date.now() & 0x7fffffff)
      drain()
    }, TICK_MS)
    link.update(Date.now() & 0x7fffffff)
    socket.bind(PORT, own, () => resolve(send))
  })
}

await runPeer({
  receive: (onBody) => open(HOSTS.receiver, HOSTS.sender, onBody),
  async send(onBody) {
    const send = await open(HOSTS.sender, HOSTS.receiver, onBody)
    return (_conversation, body) => send(body)
  },
})
