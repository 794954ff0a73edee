/** How a place or a message is sealed, as a sign. */
import { CONVERSATION_KINDS } from '../../codec/generated/registry.ts'
import { isVerified, type Pin } from '../../crypto/trust/pins.ts'
import type { SealedConnection } from '../../node/sealed-connection.ts'
import type { SealOf } from '../../node/seals.ts'
import type { ClientConversation } from '../../protocol/client/index.ts'

/** Beside a message: nothing where it came plainly. */
export function sealSign({ sealed, verified, key_changed: isChanged }: SealOf): string {
  if (isChanged) return '!'
  return sealed ? `🔒${verified ? '✓' : ''}` : ''
}

/** In the prompt: how the conversation is sealed. */
export function signOf(sealing: SealedConnection, conversation: ClientConversation): string {
  if (conversation.kind === CONVERSATION_KINDS.direct) return directSign(sealing.pinIn(conversation))
  return sealing.rooms?.isSealed(conversation) ? '🔒' : ''
}

function directSign(pin: Pin | undefined): string {
  if (!pin) return ''
  return sealSign({ sealed: pin.isSealed, verified: isVerified(pin), key_changed: pin.claim !== undefined })
}
