/** UDP sockets: the only place that knows node:dgram. */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns'
import { isIPv6 } from 'node:net'
import type { Address, Datagram } from '../base/machine.ts'
import { showAddress, transportErrorOf } from './errors.ts'

/** The kernel's default holds 92 full packets; what it grants of this is reported. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** The machine has no such address any more, or no way to the peer. */
const UNSENDABLE: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'EINVAL',
  'ENETDOWN',
  'ENETUNREACH',
])

/** A UDP socket that is bound, or connected to one peer. */
export interface DatagramSocket {
  /** Where it is bound; the peer, as the kernel writes it, where it is connected. */
  readonly address: Address
  /** The address that it sends from, as far as it is known. */
  readonly localHost: string
  readonly receiveBufferBytes: number
  send(datagram: Datagram): void
  close(): void
}

/** Takes what arrives; it may keep the bytes. */
export type DatagramHandler = (bytes: Uint8Array, from: Address) => void

/** Binds a socket. Rejects with a TransportError. */
export function bindDatagrams(at: Address, onDatagram: DatagramHandler): Promise<DatagramSocket> {
  return open(at, `listen on udp://${showAddress(at)}`, onDatagram, (socket, ready) => {
    socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
      const { port } = socket.address()
      // Port 0 would throw; a datagram from there is forged.
      ready({ host: at.host, port }, ({ to, bytes }) => {
        if (to.port !== 0) socket.send(bytes, to.port, to.host)
      })
    })
  })
}

/**
 * Opens a socket that exchanges datagrams with one numeric address only; `from` is where it sends from, if
 * that matters. `onRefused` hears that the machine could not send; anybody can forge that. Rejects with a
 * TransportError.
 */
export function connectDatagrams(
  to: Address,
  onDatagram: DatagramHandler,
  from?: Address,
  onRefused: () => void = () => {},
): Promise<DatagramSocket> {
  return open(to, `connect to udp://${showAddress(to)}`, onDatagram, (socket, ready, fail) => {
    if (from) socket.bind({ address: from.host, port: from.port })
    // Where there is no route the callback gets the error; the types of Node do not say so.
    socket.connect(to.port, to.host, (error?: Error | null) => {
      if (error) return fail(error)
      const { address: host, port } = socket.remoteAddress()
      const onSent = (failure: NodeJS.ErrnoException | null): void => {
        if (failure && UNSENDABLE.has(failure.code ?? '')) onRefused()
      }
      socket.on('error', onSent)
      ready({ host, port }, ({ bytes }) => socket.send(bytes, onSent))
    })
  })
}

function open(
  at: Address,
  doing: string,
  onDatagram: DatagramHandler,
  begin: (
    socket: Socket,
    ready: (address: Address, send: (datagram: Datagram) => void) => void,
    fail: (error: Error) => void,
  ) => void,
): Promise<DatagramSocket> {
  return new Promise((resolve, reject) => {
    let isNumeric = false
    const socket = createSocket({
      type: isIPv6(at.host) ? 'udp6' : 'udp4',
      // Datagrams go to addresses that others came from: looking those up would defer each by a turn of the
      // queue.
      lookup: (host, options, done) => (isNumeric ? done(null, host, 0) : lookup(host, options, done)),
    })
    const fail = (error: Error): void => {
      reject(transportErrorOf(error, doing))
      socket.close()
    }
    socket.once('error', fail)
    socket.on('message', (bytes, from) => onDatagram(bytes, { host: from.address, port: from.port }))
    const ready = (address: Address, send: (datagram: Datagram) => void): void => {
      isNumeric = true
      socket.off('error', fail)
      // ICMP errors: anybody can forge them, so they mean nothing.
      socket.on('error', () => {})
      resolve(wrap(socket, address, send))
    }
    begin(socket, ready, fail)
  })
}

function wrap(socket: Socket, address: Address, send: (datagram: Datagram) => void): DatagramSocket {
  let isOpen = true
  return {
    address,
    localHost: socket.address().address,
    receiveBufferBytes: growReceiveBuffer(socket),
    send(datagram) {
      if (isOpen) send(datagram)
    },
    close() {
      if (isOpen) socket.close()
      isOpen = false
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
