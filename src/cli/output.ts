/** Writing to the standard streams. */
import { printable, printableLines } from './printable.ts'

/** One NDJSON line on standard output; `v` and `type` come first. */
export function writeJson(type: string, fields: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ v: 1, type, ...fields })}\n`)
}

/** A line on standard output. */
export function writeLine(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A warning on standard error: the program goes on. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${printable(text)}\n`)
}

/** The same of several lines, indented. */
export function warnLines(text: string): void {
  process.stderr.write(`warning: ${printableLines(text, '  ')}\n`)
}

/** HH:MM:SS, or HH:MM, in local time. */
export function clockText(ms: number, withSeconds = true): string {
  const time = new Date(ms)
  const parts = [time.getHours(), time.getMinutes(), ...(withSeconds ? [time.getSeconds()] : [])]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}

/** A time from a peer as ISO 8601; beyond what a calendar holds it is the latest possible. */
export function isoText(ms: number): string {
  return new Date(Math.min(ms, 8.64e15)).toISOString()
}

/** Bytes with a unit: 2.1 MiB. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
