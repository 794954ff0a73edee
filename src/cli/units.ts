/** Durations as people write them. */
import { usageError } from './exit.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION_MS_MAX = 2 ** 31 - 1

/** Milliseconds of `10s`, `5m`, `500ms`; a bare number counts seconds. Throws a usage error. */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/u.exec(text)
  if (!match) throw usageError(`${option}: "${text}" is not a duration`, 'write it like 10s, 5m or 500ms')
  const ms = Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? 's'] as number))
  if (ms < 1 || ms > DURATION_MS_MAX)
    throw usageError(`${option}: ${text} is out of range`, 'at most 24 days')
  return ms
}

/** Seconds of a ban: any whole number of seconds up to 32 bits. */
export function parseSeconds(text: string, option: string): number {
  const match = /^(\d+)(s|m|h|d)?$/u.exec(text)
  const seconds = match ? Number(match[1]) * ((UNIT_MS[match[2] ?? 's'] as number) / 1000) : Number.NaN
  if (!(seconds >= 1 && seconds <= 0xffffffff))
    throw usageError(`${option}: "${text}" is not a duration`, 'write it like 10m, 2h or 7d')
  return seconds
}

/** A whole number between `min` and `max`. */
export function parseCount(text: string, option: string, min: number, max: number): number {
  const count = /^\d+$/u.test(text) ? Number(text) : Number.NaN
  if (!(count >= min && count <= max))
    throw usageError(`${option}: "${text}" is not a number from ${min} to ${max}`)
  return count
}
