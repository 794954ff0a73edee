/**
 * The talk as plain lines: for pipes, files and terminals that can do nothing else. Writes no escape
 * sequence.
 */
import { clockText, isoText, writeJson, writeLine } from '../output.ts'
import { printable, printableLines } from '../printable.ts'
import type { ChatView, Entry, EntryKind } from './view.ts'

const INDENT = ' '.repeat(9)
const SIGNS: Readonly<Record<EntryKind, string>> = {
  message: '',
  action: '* ',
  came: '--> ',
  went: '<-- ',
  changed: '--- ',
  notice: '=== ',
  info: '--- ',
  error: '',
}

export interface PlainOptions {
  readonly json: boolean
  readonly quiet: boolean
  /** Whether the person sees what is typed anyway. */
  readonly hidesOwn: boolean
}

/** A view that writes to standard output, and what went wrong to standard error. */
export function plainView(options: PlainOptions): ChatView {
  const { json, quiet, hidesOwn } = options
  return {
    show(entry) {
      if (entry.kind === 'error') return showError(entry, json)
      if (json) return writeJson(...entry.json)
      const isChatter = entry.kind === 'info' || entry.kind === 'came' || entry.kind === 'went'
      if ((hidesOwn && entry.isOwn === true) || (quiet && isChatter)) return
      writeLine(plainLine(entry))
    },
    setStatus() {},
  }
}

function showError(entry: Entry, json: boolean): void {
  const [type, fields] = entry.json
  const text = json ? JSON.stringify({ v: 1, type, ...fields }) : `error: ${printableLines(entry.text, '  ')}`
  process.stderr.write(`${text}\n`)
}

/** An entry in one line; further lines of a message are indented. */
export function plainLine(entry: Entry): string {
  const isElsewhere = entry.place !== undefined && !entry.isCurrent && entry.to === undefined
  const place = isElsewhere ? `${printable(entry.place ?? '')} ` : ''
  const time = clockText(entry.at)
  const text = printableLines(entry.text, INDENT)
  const from = entry.from === undefined ? '' : printable(entry.from)
  const to = entry.to === undefined ? '' : ` -> ${printable(entry.to)}`
  if (entry.kind === 'message') return `${time} ${place}${from}${to}: ${text}`
  return `${time} ${place}${SIGNS[entry.kind]}${entry.kind === 'action' ? `${from}${to} ` : ''}${text}`
}

/** The day of an entry: 2026-11-20. */
export function dayOf(ms: number): string {
  return isoText(ms - new Date(Math.min(ms, 8.64e15)).getTimezoneOffset() * 60_000).slice(0, 10)
}
