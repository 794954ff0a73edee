import type { Address } from '../base/machine.ts'

/** How a link is carried. */
export type TransportKind = 'tcp' | 'udp' | 'mem'

/**
 * One attachment to a peer: ordered lanes of bytes, both ways. A stream has one lane; every lane number means
 * lane 0 there. After `onClosed` nothing is called and `write` does nothing.
 */
export interface Link {
  readonly kind: TransportKind
  /** The peer, or undefined in memory. */
  readonly remote: Address | undefined
  readonly laneCount: number
  /** What a handshake signs to be tied to this link; empty on a plain stream. */
  readonly binding: Uint8Array
  /** What the link counted so far, where the binding counts anything. */
  readonly stats?: LinkStats | undefined
  /** False when too many bytes wait to be taken; `onWritable` follows once they are. */
  readonly writable: boolean
  /** Queues bytes, which must not change afterwards. Bytes handed in while not writable are queued too. */
  write(lane: number, bytes: Uint8Array): void
  /**
   * Sends bytes that are of use soon or never, which must not change afterwards: once, in any order with all
   * others, or not at all. Absent where a link loses nothing; `writeEphemeral` knows what to do then.
   */
  writeUnreliable?(lane: number, bytes: Uint8Array): void
  /** Between `cork` and `uncork` writes are gathered into as few system calls as possible. */
  cork(): void
  uncork(): void
  /** Stops and continues reading: backpressure on the peer. */
  pause(): void
  resume(): void
  /** Ends the link when everything queued was taken. */
  end(): void
  /** Ends the link at once. */
  abort(): void
}

/** Counters and estimates of a link over datagrams; a snapshot. */
export interface LinkStats {
  readonly rttMsSmoothed: number
  readonly rttMsLatest: number
  readonly rttMsMin: number
  readonly rttMsVariation: number
  readonly packetsSent: number
  readonly packetsReceived: number
  readonly packetsLost: number
  /** The share of packets lost lately. */
  readonly lossAverage: number
  /** Of lanes, sent again. */
  readonly bytesRepeated: number
  readonly copiesSent: number
  readonly windowBytes: number
  readonly bytesInFlight: number
  /** The longest datagram sent at present. */
  readonly datagramBytes: number
  /** The shortest that the path was found not to carry; 0 when none was. */
  readonly datagramBytesRefused: number
}

/** What a link tells its owner. */
export interface LinkHandler {
  /** Whether it is done with bytes when `onBytes` returns: their memory may then hold others. */
  readonly readsAtOnce?: boolean
  /** The next bytes of a lane; the owner may keep them, unless it reads at once. */
  onBytes(lane: number, chunk: Uint8Array): void
  /** Bytes of a `writeUnreliable`, whole; dropped where nobody takes them. */
  onUnreliable?(lane: number, bytes: Uint8Array): void
  onWritable(): void
  /** The peer will send nothing more. */
  onEnd(): void
  /** The link is over; called exactly once. The text is for people. */
  onClosed(detail: string): void
}

/**
 * Sends what is of use soon or never, cut as `write` wants it: unreliably where the link can, and else behind
 * everything else of its lane, where the other end finds it among the lane's bytes.
 */
export function writeEphemeral(link: Link, lane: number, bytes: Uint8Array): void {
  if (link.writeUnreliable === undefined) link.write(lane, bytes)
  else link.writeUnreliable(lane, bytes)
}

/** Something that accepts links. */
export interface Listener {
  readonly address: Address
  /** Stops accepting; links that are open stay. */
  close(): Promise<void>
}

/** What can end the wait for a link early. */
export interface AbortSignalLike {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface DialOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignalLike | undefined
}

/** One way of carrying links. Failures reject with a TransportError. */
export interface Transport {
  readonly kind: TransportKind
  listen(at: Address, onLink: (link: Link) => LinkHandler): Promise<Listener>
  /** Resolves when the link is open, after `onLink` was called with it. */
  dial(to: Address, onLink: (link: Link) => LinkHandler, options: DialOptions): Promise<void>
}
