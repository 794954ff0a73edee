/**
 * The talk on a terminal: entries scroll above one input row, which is taken away and put back around each
 * batch of them, so that what is being typed stays as it is.
 */
import { clockText } from '../output.ts'
import { printable, printableLines } from '../printable.ts'
import type { Style } from '../style.ts'
import { textWidth } from '../text-width.ts'
import { inputRow } from './input-row.ts'
import type { LineEditor } from './line-editor.ts'
import { dayOf } from './plain-view.ts'
import type { ChatView, Entry, Status } from './view.ts'

const INDENT = ' '.repeat(6)
const COLUMNS_DEFAULT = 80
/** Where the names of those typing have no room. */
const DOING_SHORT = 'typing…'
const DAY_RULE = '─'.repeat(17)
const BRACKETED_PASTE_ON = '\x1b[?2004h'
const BRACKETED_PASTE_OFF = '\x1b[?2004l'
const ERASE_BELOW = '\x1b[J'
const CLEAR = '\x1b[2J\x1b[3J\x1b[H'

/** What the view needs of a terminal. */
export interface Screen {
  readonly columns?: number | undefined
  write(text: string): unknown
}

export class TerminalView implements ChatView {
  readonly #screen: Screen
  readonly #editor: LineEditor
  readonly #style: Style
  readonly #waiting: string[] = []
  #status: Status
  #day: string
  /** Cells before the cursor in the row as it was drawn; undefined while no row is on the screen. */
  #drawnCursor: number | undefined
  /** Cells of the row above it that tells what others do; 0 when there is none. */
  #drawnAbove = 0
  #flushScheduled = false
  #isStopped = false

  constructor(screen: Screen, editor: LineEditor, style: Style, status: Status) {
    this.#screen = screen
    this.#editor = editor
    this.#style = style
    this.#status = status
    this.#day = dayOf(Date.now())
  }

  start(): void {
    this.#isStopped = false
    this.#screen.write(BRACKETED_PASTE_ON)
    this.redraw()
  }

  /** Gives the terminal back; what waits is shown first. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#screen.write(this.#eraseRow() + this.#takeWaiting() + BRACKETED_PASTE_OFF)
  }

  show(entry: Entry): void {
    const day = dayOf(entry.at)
    if (day !== this.#day) {
      this.#day = day
      this.#waiting.push(this.#style.dim(`${DAY_RULE} ${dayText(entry.at)} ${DAY_RULE}`))
    }
    this.#waiting.push(entryLine(entry, this.#style))
    this.#scheduleFlush()
  }

  setStatus(status: Status): void {
    this.#status = status
    this.#scheduleFlush()
  }

  /** Many entries of one turn are one write. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => {
      this.#flushScheduled = false
      this.redraw()
    })
  }

  /** Shows what waits and draws the input row anew. */
  redraw(): void {
    if (this.#isStopped) return
    this.#screen.write(this.#eraseRow() + this.#takeWaiting() + this.#drawRow())
  }

  clear(): void {
    this.#drawnCursor = undefined
    this.#drawnAbove = 0
    this.#screen.write(CLEAR + this.#drawRow())
  }

  bell(): void {
    this.#screen.write('\x07')
  }

  #takeWaiting(): string {
    return this.#waiting
      .splice(0)
      .map((line) => `${line.replaceAll('\n', '\r\n')}\r\n`)
      .join('')
  }

  /** When the terminal became narrower, the row that was drawn covers several. */
  #eraseRow(): string {
    const cursor = this.#drawnCursor
    if (cursor === undefined) return ''
    this.#drawnCursor = undefined
    const rowsAbove = Math.floor(cursor / this.#columns) + Math.ceil(this.#drawnAbove / this.#columns)
    this.#drawnAbove = 0
    return `\r${rowsAbove > 0 ? `\x1b[${rowsAbove}A` : ''}${ERASE_BELOW}`
  }

  #drawRow(): string {
    const { graphemes, cursor } = this.#editor
    const row = inputRow(promptText(this.#status), graphemes, cursor, this.#columns)
    this.#drawnCursor = row.cursorColumn
    return `${this.#drawAbove()}${row.text}\r${row.cursorColumn > 0 ? `\x1b[${row.cursorColumn}C` : ''}`
  }

  /** The row above the input, where there is something to tell. */
  #drawAbove(): string {
    const doing = printable(this.#status.doing ?? '')
    const text = textWidth(doing) < this.#columns ? doing : DOING_SHORT
    if (doing === '' || textWidth(text) >= this.#columns) return ''
    this.#drawnAbove = textWidth(text)
    return `${this.#style.dim(text)}\r\n`
  }

  get #columns(): number {
    return this.#screen.columns || COLUMNS_DEFAULT
  }
}

/**
 * `[alice] #lobby ▸ `, with a mark for how it is sealed, for each other place that has something new, and
 * for no link.
 */
function promptText({ nick, place, isOnline, unread, seal }: Status): string {
  const news =
    unread.length === 0
      ? ''
      : ` (${unread
          .slice(0, 3)
          .map((each) => `${printable(each)}●`)
          .join(' ')})`
  const who = `${printable(nick)}${isOnline ? '' : ' ↻'}`
  return `[${who}] ${place === undefined ? '-' : printable(place)}${seal ? ` ${seal}` : ''}${news} ▸ `
}

/** An entry as it appears in the timeline. */
export function entryLine(entry: Entry, style: Style): string {
  const time = style.dim(clockText(entry.at, false))
  const isElsewhere = entry.place !== undefined && !entry.isCurrent && entry.to === undefined
  const place = isElsewhere ? `${style.bold(printable(entry.place ?? ''))} ` : ''
  const text = printableLines(entry.text, INDENT)
  const from = printable(entry.from ?? '')
  const to = entry.to === undefined ? '' : ` → ${printable(entry.to)}`
  const name =
    (entry.isOwn === true ? style.bold(from) : style.name(from)) + to + (entry.seal ? ` ${entry.seal}` : '')
  switch (entry.kind) {
    case 'message':
      return `${time} ${place}${name}  ${text}`
    case 'action':
      return `${time} ${place}* ${name} ${text}`
    case 'came':
      return `${time} ${place}${style.green('→')} ${style.dim(text)}`
    case 'went':
      return `${time} ${place}${style.red('←')} ${style.dim(text)}`
    case 'changed':
      return `${time} ${place}${style.dim(`· ${text}`)}`
    case 'notice':
      return `${time} ${place}${style.bold(`■ ${text}`)}`
    case 'info':
      return `${time} ${place}${style.dim(text)}`
    case 'error':
      return `${time} ${place}${style.red(`! ${text}`)}`
    default:
      return entry.kind satisfies never
  }
}

function dayText(ms: number): string {
  const date = new Date(Math.min(ms, 8.64e15))
  return date.toLocaleDateString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  })
}
