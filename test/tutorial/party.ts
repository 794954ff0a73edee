/** A relay and people who talk over it, with real sockets, for tests that follow the tutorials. */
import { afterEach } from 'vitest'
import type { Address } from '../../src/base/index.ts'
import {
  ClientConnection,
  ephemeralStore,
  identityOfSeed,
  type OpenOptions,
  RelayServer,
  type RelayServerOptions,
  type SessionEvent,
  systemEntropy,
  udpTransport,
} from '../../src/node/index.ts'
import type { ClientEvent } from '../../src/protocol/index.ts'
import { tcpTransport } from '../../src/transport/index.ts'

export type Kind = 'tcp' | 'udp'
export const KINDS: readonly Kind[] = ['tcp', 'udp']

const closing: (() => unknown)[] = []

/** Ends everything that a test started, last first. */
export function endAfterEach(): void {
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
}

export function onEnd(close: () => unknown): void {
  closing.push(close)
}

export function transportOf(kind: Kind) {
  return kind === 'tcp' ? tcpTransport : udpTransport()
}

/** A relay on a free port. */
export async function startRelay(kind: Kind, relay: Partial<RelayServerOptions['relay']> = {}) {
  const server = new RelayServer({ relay: { name: 'tutorial', ...relay }, store: ephemeralStore() })
  onEnd(() => server.close(300))
  const address = await server.listen(transportOf(kind), { host: '127.0.0.1', port: 0 })
  return { server, address }
}

/** Somebody connected, who keeps what happens. */
export class Person {
  readonly connection: ClientConnection
  readonly events: SessionEvent[]
  readonly #waits: Set<() => void>

  private constructor(connection: ClientConnection, events: SessionEvent[], waits: Set<() => void>) {
    this.connection = connection
    this.events = events
    this.#waits = waits
  }

  static async open(
    kind: Kind,
    address: Address,
    name: string,
    more: Partial<OpenOptions> = {},
  ): Promise<Person> {
    const events: SessionEvent[] = []
    const waits = new Set<() => void>()
    const connection = await ClientConnection.open({
      transport: transportOf(kind),
      address,
      name,
      identity: identityOfSeed(systemEntropy(32)),
      clientId: systemEntropy(8),
      agent: 'tutorial/1',
      timeoutMs: 5000,
      onEvent: (event) => {
        events.push(event)
        for (const wait of [...waits]) wait()
      },
      ...more,
    })
    onEnd(() => connection.close())
    return new Person(connection, events, waits)
  }

  /** Resolves with the first event, past or to come, that `pick` takes. */
  until<T>(pick: (event: SessionEvent) => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        for (const event of this.events) {
          const found = pick(event)
          if (found === undefined) continue
          this.#waits.delete(look)
          return resolve(found)
        }
      }
      this.#waits.add(look)
      look()
    })
  }

  /** Resolves when a message with that text has come. */
  hears(text: string) {
    return this.until((event) =>
      event.kind === 'message' && new TextDecoder().decode(event.message.body) === text
        ? event.message
        : undefined,
    )
  }

  /** Resolves with an entry of that kind about somebody. */
  sees(kind: number, name: string) {
    return this.until((event) =>
      event.kind === 'event' && event.event.kind === kind && event.event.name === name
        ? event.event
        : undefined,
    )
  }

  /** Resolves with why the session ended. */
  isClosed(): Promise<Extract<ClientEvent, { kind: 'closed' }>> {
    return this.until((event) => (event.kind === 'closed' ? event : undefined))
  }

  async join(room: string): Promise<number> {
    return (await this.connection.request({ type: 'join', room, options: 1 })).number
  }

  say(conversation: number, text: string) {
    return this.connection.send(conversation, 0, new TextEncoder().encode(text))
  }

  /** Texts of all messages of others, in their order. */
  get heard(): string[] {
    return this.events.flatMap((event) =>
      event.kind === 'message' && !event.message.own
        ? [`${event.message.senderName}: ${new TextDecoder().decode(event.message.body)}`]
        : [],
    )
  }
}
