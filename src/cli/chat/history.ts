/** How much of a room's history a chat shows. */
import type { Arguments } from '../args.ts'
import { parseCount } from '../units.ts'

const HISTORY_DEFAULT = 20
const HISTORY_MAX = 1000

/** Entries to show on joining; a script that asks for nothing gets what comes from then on. */
export function historyOption(args: Arguments, isWatched: boolean): number {
  const given = args.text('history')
  if (given === undefined) return isWatched ? HISTORY_DEFAULT : 0
  return parseCount(given, '--history', 0, HISTORY_MAX)
}
