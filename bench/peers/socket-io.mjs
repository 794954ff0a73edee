/** A chat server with socket.io. */
import { Server } from 'socket.io'

const io = new Server(Number(process.argv[2]), { transports: ['websocket'], pingInterval: 600_000 })
io.on('connection', (socket) => {
  socket.on('join', (room) => {
    socket.join(room)
    socket.emit('joined')
  })
  socket.on('say', (to, body) => {
    io.to(to).emit('say', body)
  })
})
