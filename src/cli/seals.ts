/** What a command line asks for about sealing. */
import type { SealingMode } from '../crypto/trust/pins.ts'
import type { Arguments } from './args.ts'
import { usageError } from './exit.ts'

/** The mode that the command line or PALAVER_E2EE asks for, or else `standard`. */
export function sealingMode(args: Arguments, standard: SealingMode): SealingMode {
  const mode = args.text('e2ee') ?? (process.env['PALAVER_E2EE'] || standard)
  if (mode === 'require' || mode === 'prefer' || mode === 'off') return mode
  throw usageError(`--e2ee ${mode}: use require, prefer or off`)
}
