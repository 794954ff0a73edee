/** A broadcast server with ws: rooms are sets of sockets. */
import { WebSocketServer } from 'ws'

const rooms = new Map()
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  perMessageDeflate: false,
})
server.on('connection', (socket) => {
  socket.on('message', (data) => {
    const [verb, to, body] = JSON.parse(data.toString())
    if (verb === 'join') {
      if (!rooms.has(to)) rooms.set(to, new Set())
      rooms.get(to).add(socket)
      socket.send('joined')
      return
    }
    for (const member of rooms.get(to) ?? []) member.send(body)
  })
  socket.on('error', () => {})
})
