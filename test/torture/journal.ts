/** What a client under torture writes down before it acts on it, so that it can be killed at any instant. */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/** A message as its author or a reader saw it. */
export interface Seen {
  readonly seq: number
  readonly author: string
  readonly count: number
}

/** What one client knows of one room. */
export interface Known {
  /** The conversation's number and its log, once joined. */
  conversation: number
  log: string
  /** The last entry taken in. */
  seq: number
  /** Messages composed: the n-th has the text `<author>:<n>`. */
  composed: number
  /** The highest of its own messages that it saw acknowledged. */
  acknowledged: number
  /** All messages it read, in the order in which it read them. */
  readonly read: Seen[]
}

/**
 * A file of lines, each written whole before what it says is relied on. A line that a kill cut short is not
 * counted, for nothing was done on its strength.
 */
export class Journal {
  readonly known: Known = { conversation: 0, log: '', seq: 0, composed: 0, acknowledged: 0, read: [] }
  readonly #file: number
  #lines: string[] = []

  constructor(path: string) {
    const isCut = existsSync(path) && replay(this.known, readFileSync(path, 'utf8'))
    this.#file = openSync(path, 'a', 0o600)
    if (isCut) writeSync(this.#file, '\n')
  }

  /** Notes lines; they are there after `flush`. */
  note(line: string): void {
    apply(this.known, line)
    this.#lines.push(`${line}\n`)
  }

  flush(): void {
    if (this.#lines.length > 0) writeSync(this.#file, this.#lines.join(''))
    this.#lines = []
  }

  close(): void {
    this.flush()
    closeSync(this.#file)
  }
}

/** Reads a journal without going on with it. */
export function readJournal(path: string): Known {
  const known: Known = { conversation: 0, log: '', seq: 0, composed: 0, acknowledged: 0, read: [] }
  if (existsSync(path)) replay(known, readFileSync(path, 'utf8'))
  return known
}

/** True when the last line is cut. */
function replay(known: Known, text: string): boolean {
  const lines = text.split('\n')
  const rest = lines.pop()
  for (const line of lines) apply(known, line)
  return rest !== ''
}

const LINE = /^(?:(J) (\d+) (\w+) (\d+)|(C) (\d+)|(E) (\d+)|(M) (\d+) ([\w-]+):(\d+)|(A) (\d+)) \.$/u

function apply(known: Known, line: string): void {
  const found = LINE.exec(line)
  if (!found) return
  if (found[1]) {
    known.conversation = Number(found[2])
    known.log = found[3] as string
    known.seq = Number(found[4])
  } else if (found[5]) known.composed = Number(found[6])
  else if (found[7]) known.seq = Number(found[8])
  else if (found[9]) {
    known.seq = Number(found[10])
    known.read.push({ seq: known.seq, author: found[11] as string, count: Number(found[12]) })
  } else known.acknowledged = Math.max(known.acknowledged, Number(found[14]))
}
