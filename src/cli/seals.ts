/** Whether messages came sealed: what programs show of it, without loading what seals. */
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { ReceivedMessage } from '../protocol/client/index.ts'
import type { Arguments } from './args.ts'
import { usageError } from './exit.ts'

/** How a message came. */
export interface SealOf {
  readonly sealed: boolean
  readonly verified: boolean
}

const seals = new WeakMap<ReceivedMessage, SealOf>()

/** How a direct message came, where sealing is on. */
export function sealOf(message: ReceivedMessage): SealOf | undefined {
  return seals.get(message)
}

/** Notes how a message came. */
export function noteSeal(message: ReceivedMessage, seal: SealOf): void {
  seals.set(message, seal)
}

/** The mode that the command line or PALAVER_E2EE asks for. */
export function sealingMode(args: Arguments): SealingMode {
  const mode = args.text('e2ee') ?? (process.env['PALAVER_E2EE'] || 'off')
  if (mode === 'require' || mode === 'prefer' || mode === 'off') return mode
  throw usageError(`--e2ee ${mode}: use require, prefer or off`)
}
