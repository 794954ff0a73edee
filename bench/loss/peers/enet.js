/** ENet, compiled to JavaScript: reliable packets, a channel for each conversation. */
import enet from 'enet'
import { CONVERSATIONS, HOSTS, PORT, runPeer } from './peer.js'

/** Its loop is a timer; this is the finest that helps. */
const POLL_MS = 1

function reliable(body) {
  return new enet.Packet(Buffer.from(body), enet.PACKET_FLAG.RELIABLE)
}

function receive(onBody) {
  return new Promise((resolve, reject) => {
    const address = { address: HOSTS.receiver, port: PORT }
    enet.createServer({ address, peers: 4, channels: CONVERSATIONS, down: 0, up: 0 }, (error, host) => {
      if (error) return reject(error)
      host.on('message', (peer, packet, channel) =>
        onBody(Buffer.from(packet.data()), (body) => peer.send(channel, reliable(body))),
      )
      host.start(POLL_MS)
      resolve()
    })
  })
}

function send(onBody) {
  return new Promise((resolve, reject) => {
    enet.createClient({ peers: 1, channels: CONVERSATIONS, down: 0, up: 0 }, (error, host) => {
      if (error) return reject(error)
      host.start(POLL_MS)
      const to = { address: HOSTS.receiver, port: PORT }
      host.connect(to, CONVERSATIONS, 0, (failed, peer) => {
        if (failed) return reject(failed)
        peer.on('message', () => onBody())
        resolve((conversation, body) => {
          peer.send(conversation, reliable(body))
          host.flush()
        })
      })
    })
  })
}

await runPeer({ receive, send })
