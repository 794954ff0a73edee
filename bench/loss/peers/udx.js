/** UDX: a stream for each conversation; they are told of each other beforehand, for it has no handshake. */
import UDX from 'udx-native'
import { bodiesOf, CONVERSATIONS, HOSTS, PORT, runPeer } from './peer.js'

async function streams(own, other, onBody) {
  const udx = new UDX()
  const socket = udx.createSocket()
  socket.bind(PORT, own)
  return Array.from({ length: CONVERSATIONS }, (_, i) => {
    const stream = udx.createStream(i + 1)
    stream.connect(socket, i + 1, PORT, other)
    stream.on('error', () => {})
    stream.on(
      'data',
      bodiesOf((body) => onBody(body, (answer) => stream.write(Buffer.from(answer)))),
    )
    return stream
  })
}

await runPeer({
  receive: (onBody) => streams(HOSTS.receiver, HOSTS.sender, onBody),
  async send(onBody) {
    const all = await streams(HOSTS.sender, HOSTS.receiver, onBody)
    return (conversation, body) => all[conversation].write(Buffer.from(body))
  },
})
