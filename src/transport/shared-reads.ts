/**
 * Reads of many sockets into one buffer. Node reserves 64 KiB for each read and gives most of it back, unless
 * a socket has a buffer of its own; that can be asked for with `onread` where a socket is made, but not where
 * a server accepts it. So it is done here as `net.Socket` does it, if this Node has all that it takes.
 */
import { Socket } from 'node:net'

/** As much as Node reads at once otherwise. */
const SHARED_BYTES = 64 * 1024

/** Is told of bytes at the front of the buffer, which are there only until it returns. */
export type SharedReader<S extends Socket> = (this: S, byteCount: number, shared: Uint8Array) => void

/** What a socket keeps of `onread`, by its names in Node's own code. */
interface Keys {
  readonly buffer: symbol
  readonly callback: symbol
}

let shared: Uint8Array | undefined
let keys: Keys | false | undefined

/** Hands what the socket reads from now on to `onRead`, without a copy; false where that cannot be done. */
export function readIntoShared<S extends Socket>(socket: S, onRead: SharedReader<S>): boolean {
  keys ??= keysOf(new Socket()) ?? false
  const { _handle: handle } = socket as { readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } }
  // What was read already comes by 'data', and so has to come what follows it.
  if (keys === false || typeof handle?.useUserBuffer !== 'function' || socket.readableLength > 0) return false
  shared ??= new Uint8Array(SHARED_BYTES)
  Object.assign(socket, { [keys.buffer]: shared, [keys.callback]: onRead })
  handle.useUserBuffer(shared)
  return true
}

function keysOf(socket: Socket): Keys | undefined {
  const symbols = Object.getOwnPropertySymbols(socket)
  const [buffer, callback, generator] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find(({ description }) => description === name),
  )
  return buffer && callback && generator && { buffer, callback }
}
