/** A client's session on a socket of its own, without the drivers of the product, for crowds of clients. */
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { EMPTY_BYTES } from '../src/base/bytes.ts'
import type { Instant } from '../src/base/time.ts'
import { nodeSignatures, systemEntropy } from '../src/node/primitives.ts'
import { type ClientEvent, type ClientOptions, ClientSession } from '../src/protocol/client/index.ts'

const now = (): Instant => performance.now() as Instant

/** Shakes hands on `socket` once it is connected; what happens goes to `onEvent`, which may ask for more. */
export function sessionOver(
  socket: Socket,
  about: Pick<ClientOptions, 'name' | 'identity' | 'clientId'>,
  onEvent: (event: ClientEvent, session: ClientSession) => void,
): void {
  const means = { signatures: nodeSignatures, entropy: systemEntropy, binding: EMPTY_BYTES }
  const session = new ClientSession({ ...about, agent: 'bench', ...means }, now())
  const pump = (): void => {
    for (let out = session.pollTransmit(now()); out; out = session.pollTransmit(now()))
      socket.write(out.bytes)
  }
  socket.on('connect', pump)
  socket.on('data', (chunk: Uint8Array) => {
    session.handleBytes(0, chunk, now())
    for (let event = session.pollEvent(); event; event = session.pollEvent()) onEvent(event, session)
    pump()
    if (session.state === 'closed') socket.end()
  })
}
