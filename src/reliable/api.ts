import type { Address, Instant } from '../base/index.ts'

/** Why a connection ended. */
export interface UdpCloseReason {
  /** 'link': nobody closed it; it could not go on. */
  readonly by: 'local' | 'peer' | 'link'
  readonly code: number
  readonly detail: string
}

/** What the endpoint tells its driver. */
export type UdpEvent =
  | { readonly kind: 'opened'; readonly connection: UdpConnection }
  | {
      readonly kind: 'lane_bytes'
      readonly connection: UdpConnection
      readonly lane: number
      readonly bytes: Uint8Array
    }
  | {
      /** Unreliable bytes: once or never, in any order. */
      readonly kind: 'datagram'
      readonly connection: UdpConnection
      readonly lane: number
      readonly bytes: Uint8Array
    }
  | {
      /** Client: for `connect` to the same relay next time, once. */
      readonly kind: 'token'
      readonly connection: UdpConnection
      readonly token: Uint8Array
    }
  | { readonly kind: 'writable'; readonly connection: UdpConnection }
  | { readonly kind: 'closed'; readonly connection: UdpConnection; readonly reason: UdpCloseReason }

/** Counters and estimates of a connection; a snapshot. */
export interface UdpStats {
  readonly packetsSent: number
  readonly packetsReceived: number
  readonly packetsLost: number
  /** Loss average: each packet counts 1/256. Between 0 and 1. */
  readonly lossAverage: number
  readonly probeTimeouts: number
  /** Lane bytes sent again because they were lost or a probe carried them; copies are not among them. */
  readonly bytesRepeated: number
  /** Pieces of lanes sent again before they were acknowledged or found lost. */
  readonly copiesSent: number
  readonly packetsDuplicate: number
  /** Packets that did not verify. */
  readonly packetsBad: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly bytesInFlight: number
  readonly windowBytes: number
  readonly rttMsSmoothed: number
  readonly rttMsLatest: number
  /** `Infinity` before the first sample. */
  readonly rttMsMin: number
  readonly rttMsVariation: number
  /** The longest datagram sent at present. */
  readonly datagramBytes: number
  /** The shortest that the path was found not to carry; 0 when none was. */
  readonly datagramBytesRefused: number
  /** Memory held for bytes ahead of a gap. */
  readonly heldBytes: number
}

/** A connection as its user sees it. */
export interface UdpConnection {
  /** Our connection id in hexadecimal: what the connection is called in traces. */
  readonly id: string
  readonly remote: Address
  /** The Noise handshake hash, 64 bytes: the channel binding. Empty before 'opened'. */
  readonly handshakeHash: Uint8Array
  /** Client: the relay's static key, for the caller to compare with a pin. */
  readonly peerStatic: Uint8Array | undefined
  /** Client: the address at which the relay sees it. */
  readonly observedAddress: Address | undefined
  /** Unsent and unacknowledged bytes. */
  readonly queuedBytes: number
  readonly stats: UdpStats
  /** Client: whether something was asked and nothing came for `ms`. */
  isUnanswered(ms: number, now: Instant): boolean
  /**
   * Queues `bytes`, which must not change afterwards. False above the high-water mark: wait for 'writable'.
   * Ignored once the connection is closing. Throws UsageError for a lane out of range, and far above the
   * mark.
   */
  write(lane: number, bytes: Uint8Array): boolean
  /**
   * Sends `bytes`, which must not change afterwards, once and unreliably; forgotten when they cannot leave
   * within a round trip or `TIMER.datagramLifeMinMs`. Ignored unless the connection is open. Throws a
   * UsageError for a lane out of range, for no bytes and for more than `LIMIT.datagramFrameBytesMax`.
   */
  sendDatagram(lane: number, bytes: Uint8Array, now: Instant): void
  /** Stops giving the peer credit, and drops unreliable bytes. */
  pause(): void
  resume(now: Instant): void
  /** Client: packets go by another socket from here on, from an address and over a path that are new. */
  moved(now: Instant): void
  /** Sends CLOSE once everything written is acknowledged, or a second has brought no acknowledgement. */
  close(code: number, reason: string, now: Instant): void
  /** Sends CLOSE at once; what is not acknowledged may be lost. */
  abort(code: number, reason: string, now: Instant): void
}
