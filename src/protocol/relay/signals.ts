/** Signals: who types, what was read (spec chapter 20). They go to whom they reach now, or to nobody. */
import { encodeFrame, loneFrame } from '../../codec/frame.ts'
import { CAPABILITIES, type SignalFrame } from '../../codec/generated/registry.ts'
import type { Hub } from './hub.ts'
import type { RelayLink } from './link.ts'
import type { Session } from './session.ts'

/** What came outside the lanes of a link: one signal, or nothing that counts. */
export function handleLoneBytes<Owner>(hub: Hub<Owner>, link: RelayLink<Owner>, bytes: Uint8Array): void {
  const { session } = link
  if (session === undefined || link.state !== 'open') return
  // The bucket comes first: what is beyond it is not worth decoding.
  const isSpare = !session.rates.takeSignal(hub.rates, hub.now)
  const frame = isSpare ? undefined : loneFrame(bytes)
  //= PAL-SIG-004, PAL-SIG-012
  if (frame?.type === 'signal') handleSignal(hub, session, frame)
  else hub.signals.dropped += 1
}

/** Passes a signal on to the other members; its token was taken. */
export function handleSignal<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: SignalFrame): void {
  const membership = session.memberships.get(frame.conversation)
  //= PAL-SIG-004
  if (membership === undefined || !takesSignals(session.link)) {
    hub.signals.dropped += 1
    return
  }
  hub.signals.taken += 1
  const { conversation, participant } = membership
  //= PAL-SIG-002, PAL-SIG-007
  const bytes = encodeFrame({ ...frame, type: 'signalled', sender: participant.alias })
  //= PAL-SIG-005
  for (const member of conversation.members) {
    const link = member.session?.link
    //= PAL-SIG-001, PAL-SIG-003
    if (link === undefined || link === session.link || !takesSignals(link)) continue
    if (!hub.outlet.sendEphemeral(link, bytes, conversation.lane)) hub.signals.withheld += 1
  }
}

function takesSignals<Owner>(link: RelayLink<Owner>): boolean {
  //= PAL-EXT-004
  return link.capabilities.includes(CAPABILITIES.signals)
}
