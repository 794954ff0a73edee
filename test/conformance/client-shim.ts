/** Our client behind a shim (spec chapter 19). */
import { bytesOfHex, EMPTY_BYTES, hexOf, type Instant } from '../../src/base/index.ts'
import { FRAME_SPECS } from '../../src/codec/generated/registry.ts'
import type { ClientUnderTest, ShimAnswer } from '../../src/conformance/index.ts'
import { identityOfSeed, nodeSignatures } from '../../src/node/primitives.ts'
import type * as protocol from '../../src/protocol/index.ts'
import type { ClientEvent, ClientRequest } from '../../src/protocol/index.ts'
import { seededEntropy } from './entropy.ts'

type Command = Readonly<Record<string, unknown>>

function told(event: ClientEvent): Record<string, unknown> {
  if (event.kind === 'message') {
    const { conversation, seq, sender, ref, contentKind, body } = event.message
    return {
      event: 'message',
      conversation: conversation.number,
      seq,
      sender,
      ref,
      kind: contentKind,
      hex: hexOf(body),
    }
  }
  if (event.kind === 'event') {
    const { conversation, seq, kind } = event.event
    return { event: 'entry', conversation, seq, kind }
  }
  if (event.kind === 'joined')
    return { event: 'joined', conversation: event.conversation.number, seq: event.conversation.seq }
  if (event.kind === 'error') return { event: 'error', ...event.frame }
  if (event.kind === 'ready') return { event: 'ready', name: event.facts.name }
  if (event.kind === 'closed') return { event: 'closed', by: event.by, code: event.code }
  return { event: event.kind }
}

/** A request as it came, with bytes in the place of hexadecimal. */
function requestOf(frame: Command): ClientRequest {
  const fields = FRAME_SPECS.find(({ name }) => name === frame['type'])?.fields ?? []
  const isBytes = (name: string): boolean =>
    fields.some((field) => field.name === name && field.kind === 'bin')
  const entries = Object.entries(frame).map(([name, value]) => [
    name,
    isBytes(name) ? bytesOfHex(value as string) : value,
  ])
  return Object.fromEntries(entries) as ClientRequest
}

/** A client of these modules, which may be faulty ones. */
export function shimOf({ ClientSession }: Pick<typeof protocol, 'ClientSession'>, seed = 1): ClientUnderTest {
  let session: protocol.ClientSession
  let laneCount = 1
  const entropy = seededEntropy(seed)
  const bytes = (hex: unknown): Uint8Array => bytesOfHex(hex as string) ?? EMPTY_BYTES
  const carryOut = (command: Command): unknown => {
    const now = command['now'] as Instant
    switch (command['do']) {
      case 'start': {
        const options = {
          name: command['name'] as string,
          identity: identityOfSeed(bytes(command['seed'])),
          clientId: bytes(command['clientId']),
          token: command['token'] as string,
          relayKey: command['pin'] === '' ? undefined : bytes(command['pin']),
          binding: bytes(command['binding']),
        }
        laneCount = command['lanes'] as number
        session = new ClientSession({ ...options, agent: 'shim', signatures: nodeSignatures, entropy }, now)
        return session
      }
      case 'bytes':
        return session.handleBytes(command['lane'] as number, bytes(command['hex']), now)
      case 'time':
        return session.handleTimeout(now)
      case 'end':
        return session.handleEnd(now)
      case 'request':
        return session.request(requestOf(command['frame'] as Command))
      case 'send':
        return (
          session.send(command['conversation'] as number, command['kind'] as number, bytes(command['hex'])) ??
          false
        )
      default:
        return session.close()
    }
  }
  return {
    command(command): ShimAnswer {
      let refused = false
      try {
        refused = carryOut(command) === false
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'UsageError') throw error
        refused = true
      }
      const [write, events] = [[] as ShimAnswer['write'][number][], [] as Record<string, unknown>[]]
      for (let item = session.pollTransmit(0 as Instant); item; item = session.pollTransmit(0 as Instant))
        write.push({ lane: laneCount === 1 ? 0 : item.lane, hex: hexOf(item.bytes) })
      for (let event = session.pollEvent(); event; event = session.pollEvent()) events.push(told(event))
      const deadline = session.pollTimeout()
      return {
        write,
        events,
        deadline: Number.isFinite(deadline) ? deadline : null,
        state: session.state,
        refused,
      }
    },
  }
}
