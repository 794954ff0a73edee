import type { Instant } from './time.ts'

/** What every protocol machine offers. Synchronous; no I/O, clock, timer, entropy or logger of its own. */
export interface Machine<Event> {
  /** Acts on every deadline at or before `now`. Early or repeated calls are harmless. */
  handleTimeout(now: Instant): void
  /** The earliest deadline, or NEVER. Ask again after every input. */
  pollTimeout(): Instant
  pollEvent(): Event | undefined
}

/** Bytes to write on one ordered lane of a link. Shared between links: the receiver never changes them. */
export interface LaneBytes {
  readonly lane: number
  readonly bytes: Uint8Array
  /**
   * Whether they are of use soon or never: a whole frame that may overtake others, or be lost. It may go
   * among the bytes of the lane all the same.
   */
  readonly isEphemeral?: boolean
}

/**
 * A machine over a link of one or more ordered byte lanes. A stream (TCP, WebSocket, pipe) has lane 0 only
 * and maps every lane to it; the datagram binding has 64.
 */
export interface LaneMachine<Event> extends Machine<Event> {
  handleBytes(lane: number, chunk: Uint8Array, now: Instant): void
  handleEnd(now: Instant): void
  /** The next bytes to write. Pull only while the link is writable: that is the backpressure. */
  pollTransmit(now: Instant): LaneBytes | undefined
}

/** An IP endpoint. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** One UDP payload and where it goes. */
export interface Datagram {
  readonly to: Address
  readonly bytes: Uint8Array
}
