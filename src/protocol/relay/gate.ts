/** Whether a session is slow enough (spec chapter 6). */
import type { Instant } from '../../base/time.ts'
import type { Deframer } from '../../codec/deframer.ts'
import { isFault } from '../../codec/fault.ts'
import { decodeFrame } from '../../codec/frame.ts'
import { FRAME_TYPES } from '../../codec/generated/registry.ts'
import type { Hub } from './hub.ts'
import type { Session } from './session.ts'

/** What becomes of a frame: it passes, was refused, ends the session, or waits until an instant. */
export type RateVerdict = 'pass' | 'refused' | 'close' | Instant

const JOINS: ReadonlySet<number> = new Set([FRAME_TYPES.join, FRAME_TYPES.follow, FRAME_TYPES.direct])
const FREE: ReadonlySet<number> = new Set([FRAME_TYPES.pong, FRAME_TYPES.close])

/** Takes the tokens that the frame at hand costs, if they are there. */
export function judgeRate<Owner>(hub: Hub<Owner>, session: Session<Owner>, deframer: Deframer): RateVerdict {
  const type = deframer.bytes[deframer.start + 1] as number
  const isSignal = type === FRAME_TYPES.signal
  //= PAL-SIG-004
  if (isSignal && session.rates.takeSignal(hub.rates, hub.now)) return 'pass'
  const until = takeTokens(hub, session, type, deframer.end - deframer.start)
  if (until === undefined) return isSignal ? drop(hub) : 'pass'
  const excessMs = session.rates.noteExcess(hub.now, until)
  const { rateExcessMs } = hub.limits
  //= PAL-SES-038
  if (excessMs >= rateExcessMs) return 'close'
  //= PAL-SES-037
  if (excessMs >= rateExcessMs / 2 && refuse(hub, session, deframer)) return 'refused'
  return until
}

/** A signal too many. It took a token for requests, so that a flood of them holds up only its sender. */
function drop<Owner>(hub: Hub<Owner>): RateVerdict {
  hub.signals.dropped += 1
  return 'refused'
}

function takeTokens<Owner>(
  { rates, now }: Hub<Owner>,
  session: Session<Owner>,
  type: number,
  frameBytes: number,
): Instant | undefined {
  //= PAL-SES-036
  if (type === FRAME_TYPES.send) return session.rates.takeSend(frameBytes, rates, now)
  return FREE.has(type) ? undefined : session.rates.takeRequest(JOINS.has(type), rates, now)
}

/** Answers the frame with an error, if it is one that has an answer. */
function refuse<Owner>(hub: Hub<Owner>, session: Session<Owner>, deframer: Deframer): boolean {
  const frame = decodeFrame(deframer.bytes, deframer.start, deframer.end)
  if (isFault(frame) || frame.type === 'ignored') return false
  if (frame.type !== 'send' && !('request' in frame)) return false
  hub.replyError(session.link, 'rate_limited', frame)
  return true
}
