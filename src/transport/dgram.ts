/** UDP sockets: the only place that knows node:dgram. */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Address, Datagram } from '../base/machine.ts'
import { showAddress, transportErrorOf } from './errors.ts'

/** The kernel's default holds 92 full packets; what it grants of this is reported. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** A bound UDP socket. */
export interface DatagramSocket {
  readonly address: Address
  readonly receiveBufferBytes: number
  send(datagram: Datagram): void
  close(): void
}

/** Binds a socket; `onDatagram` gets bytes that the receiver may keep. Rejects with a TransportError. */
export function bindDatagrams(
  at: Address,
  onDatagram: (bytes: Uint8Array, from: Address) => void,
): Promise<DatagramSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(at.host) ? 'udp6' : 'udp4' })
    const fail = (error: Error): void => {
      reject(transportErrorOf(error, `listen on udp://${showAddress(at)}`))
      socket.close()
    }
    socket.once('error', fail)
    socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
      socket.off('error', fail)
      // ICMP errors reach unconnected sockets too; anybody can forge them, so they mean nothing.
      socket.on('error', () => {})
      resolve(wrap(socket, at))
    })
    socket.on('message', (bytes, from) => onDatagram(bytes, { host: from.address, port: from.port }))
  })
}

function wrap(socket: Socket, at: Address): DatagramSocket {
  let open = true
  return {
    address: { host: at.host, port: socket.address().port },
    receiveBufferBytes: growReceiveBuffer(socket),
    send({ to, bytes }) {
      // Port 0 would throw; a datagram from there is forged.
      if (open && to.port !== 0) socket.send(bytes, to.port, to.host)
    },
    close() {
      if (open) socket.close()
      open = false
    },
  }
}

function growReceiveBuffer(socket: Socket): number {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    return socket.getRecvBufferSize()
  } catch {
    return 0
  }
}
