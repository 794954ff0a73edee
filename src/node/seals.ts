/** How messages came: what programs show of it, without loading what seals. */
import type { ReceivedMessage } from '../protocol/client/index.ts'

/** How a message came, where sealing is on. */
export interface SealOf {
  readonly sealed: boolean
  /** Whether its sender was compared with. */
  readonly verified: boolean
  /** Whether somebody else claims to be its sender, so that nothing is sent there. */
  readonly key_changed: boolean
}

const seals = new WeakMap<ReceivedMessage, SealOf>()

/** How a message came; undefined where sealing is off. */
export function sealOf(message: ReceivedMessage): SealOf | undefined {
  return seals.get(message)
}

/** Notes how a message came. */
export function noteSeal(message: ReceivedMessage, seal: SealOf): void {
  seals.set(message, seal)
}
