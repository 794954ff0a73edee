/** The one row of the screen that shows what is being typed. */
import { printable } from '../printable.ts'
import { graphemeWidth, textWidth } from '../text-width.ts'

const LINE_END = '↵'
const CUT = '…'
const SHORT_PROMPT = '▸ '
/** With fewer cells than this left for the text, the prompt gives way. */
const TEXT_CELLS_MIN = 12

export interface InputRow {
  readonly text: string
  /** Cells before the cursor. */
  readonly cursorColumn: number
  /** Cells in all; less than the columns, so that the terminal never wraps. */
  readonly width: number
}

/** The row for a terminal of so many columns: a window of the line around the cursor. */
export function inputRow(
  prompt: string,
  graphemes: readonly string[],
  cursor: number,
  columns: number,
): InputRow {
  const fullPrompt = textWidth(prompt) + TEXT_CELLS_MIN < columns ? prompt : SHORT_PROMPT
  const shownPrompt = textWidth(fullPrompt) + 4 < columns ? fullPrompt : ''
  const promptWidth = textWidth(shownPrompt)
  // One cell stays free for the cursor behind the last character, two for the marks of what is cut.
  const room = Math.max(1, columns - 1 - promptWidth - 1)
  const cells = graphemes.map(cellsOf)
  const from = windowStart(cells, cursor, room - 1)
  let width = from > 0 ? 1 : 0
  let text = from > 0 ? CUT : ''
  let cursorColumn = promptWidth + width
  let at = from
  for (; at < cells.length; at++) {
    const cell = cells[at] as Cells
    const needed = width + cell.width + (at === cells.length - 1 ? 0 : 1)
    if (at === cursor) cursorColumn = promptWidth + width
    if (needed > room) break
    text += cell.text
    width += cell.width
  }
  if (at <= cursor) cursorColumn = promptWidth + width
  if (at < cells.length && width < room) {
    text += CUT
    width += 1
  }
  return { text: shownPrompt + text, cursorColumn, width: promptWidth + width }
}

interface Cells {
  readonly text: string
  readonly width: number
}

function cellsOf(grapheme: string): Cells {
  const text = grapheme === '\n' ? LINE_END : printable(grapheme)
  return { text, width: text === grapheme ? graphemeWidth(text) : textWidth(text) }
}

/** The first grapheme shown, so that the cursor and a little after it are within `room` cells. */
function windowStart(cells: readonly Cells[], cursor: number, room: number): number {
  let start = cursor
  let width = 1
  // From the cursor backwards, with a quarter of the room kept for what follows.
  const follows = totalWidth(cells, cursor, Math.floor(room / 4))
  while (start > 0 && width + (cells[start - 1] as Cells).width + follows <= room) {
    start -= 1
    width += (cells[start] as Cells).width
  }
  return start
}

function totalWidth(cells: readonly Cells[], from: number, most: number): number {
  let width = 0
  for (let at = from; at < cells.length; at++) {
    const next = width + (cells[at] as Cells).width
    if (next > most) break
    width = next
  }
  return width
}
