import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inputRow } from '../../src/cli/chat/input-row.ts'
import { LineEditor } from '../../src/cli/chat/line-editor.ts'
import { TerminalView } from '../../src/cli/chat/terminal-view.ts'
import type { Entry } from '../../src/cli/chat/view.ts'
import { styleOf } from '../../src/cli/style.ts'
import { graphemesOf, graphemeWidth, textWidth } from '../../src/cli/text-width.ts'

/** A terminal that knows what the view uses: wrapping, going up, going right, erasing below. */
class Terminal {
  columns: number
  rows: string[][] = [[]]
  #row = 0
  #column = 0

  constructor(columns: number) {
    this.columns = columns
  }

  get lines(): string[] {
    return this.rows.map((row) => row.join('').trimEnd())
  }

  get cursor(): readonly [number, number] {
    return [this.#row, this.#column]
  }

  write(text: string): void {
    let rest = text
    while (rest !== '') {
      const sequence = /^\x1b\[(\?)?(\d*)([A-Za-z])/u.exec(rest)
      if (sequence) this.#control(sequence[3] as string, Number(sequence[2] || 1))
      const piece = sequence ? sequence[0] : (graphemesOf(rest)[0] as string)
      if (!sequence) this.#put(piece)
      rest = rest.slice(piece.length)
    }
  }

  #control(final: string, count: number): void {
    if (final === 'A') this.#row -= count
    if (final === 'C') this.#column += count
    if (final === 'J') {
      this.rows.length = this.#row + 1
      this.#current.length = this.#column
    }
  }

  get #current(): string[] {
    while (this.rows.length <= this.#row) this.rows.push([])
    return this.rows[this.#row] as string[]
  }

  #put(grapheme: string): void {
    for (const each of grapheme.includes('\r') ? [...grapheme] : [grapheme]) {
      if (each === '\r') this.#column = 0
      else if (each === '\n') this.#row += 1
      else this.#print(each)
    }
    void this.#current
  }

  #print(grapheme: string): void {
    const width = graphemeWidth(grapheme)
    if (this.#column + width > this.columns) {
      this.#row += 1
      this.#column = 0
    }
    const row = this.#current
    while (row.length < this.#column) row.push(' ')
    row[this.#column] = grapheme
    for (let i = 1; i < width; i++) row[this.#column + i] = ''
    this.#column += width
  }
}

const words = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '日', '😀', 'e\u0301', '\n', '\x1b', '\u202e'),
  maxLength: 80,
})

function message(text: string, n: number): Entry {
  const base = { kind: 'message', at: 0, place: '#lobby', isCurrent: true, from: `m${n}` } as const
  return { ...base, text, json: ['message', {}] }
}

function view(columns: number): { terminal: Terminal; editor: LineEditor; shown: TerminalView } {
  const terminal = new Terminal(columns)
  const editor = new LineEditor(1000)
  const status = { nick: 'alice', place: '#lobby', isOnline: true, unread: [] }
  return { terminal, editor, shown: new TerminalView(terminal, editor, styleOf(false), status) }
}

describe('the input row', () => {
  it('never wraps, and has the cursor within it', () => {
    fc.assert(
      fc.property(words, fc.nat(), fc.integer({ min: 4, max: 60 }), (text, at, columns) => {
        const graphemes = graphemesOf(text)
        const cursor = at % (graphemes.length + 1)
        const row = inputRow('[alice] #lobby ▸ ', graphemes, cursor, columns)
        expect(row.width).toBeLessThan(columns)
        expect(row.cursorColumn).toBeLessThanOrEqual(row.width)
        expect(textWidth(row.text)).toBe(row.width)
        expect(row.text).not.toMatch(/[\x00-\x1f\u202e]/u)
      }),
      { numRuns: 1000 },
    )
  })

  it('shows a short line whole, with the cursor where it is', () => {
    expect(inputRow('> ', ['a', '日', 'b'], 2, 40)).toEqual({ text: '> a日b', cursorColumn: 5, width: 6 })
  })

  it('shows the part of a long line that the cursor is in', () => {
    const graphemes = [...'0123456789'.repeat(10)]
    for (let cursor = 0; cursor < graphemes.length; cursor++) {
      const row = inputRow('> ', graphemes, cursor, 40)
      expect(row.text[row.cursorColumn]).toBe(graphemes[cursor])
    }
  })
})

describe('a terminal with messages arriving', () => {
  it('keeps the line being typed, its cursor, and every message in order', () => {
    fc.assert(
      fc.property(
        fc.array(words, { maxLength: 12 }),
        words,
        fc.integer({ min: 20, max: 90 }),
        fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 4 }),
        (texts, line, columns, doings) => {
          const { terminal, editor, shown } = view(columns)
          editor.handleKey({ kind: 'paste', text: line.replaceAll('\x1b', '') })
          editor.handleKey({ kind: 'key', name: 'left' })
          const before = editor.text
          shown.start()
          for (const [n, text] of texts.entries()) {
            shown.show(message(text, n))
            const doing = doings[n % doings.length] as string
            shown.setStatus({ nick: 'alice', place: '#lobby', isOnline: true, unread: [], doing })
            shown.redraw()
          }
          const row = inputRow('[alice] #lobby ▸ ', editor.graphemes, editor.cursor, columns)
          expect(editor.text).toBe(before)
          expect(terminal.lines.at(-1)).toBe(row.text.trimEnd())
          expect(terminal.cursor).toEqual([terminal.rows.length - 1, row.cursorColumn])
          const shownNames = terminal.lines.join('\n').match(/\d\d:\d\d m\d+/gu) ?? []
          expect(shownNames.map((each) => each.slice(6))).toEqual(texts.map((_, n) => `m${n}`))
        },
      ),
    )
  })

  it('tells above the line being typed what others do, as long as they do it', () => {
    const { terminal, editor, shown } = view(60)
    const status = { nick: 'alice', place: '#lobby', isOnline: true, unread: [] }
    editor.handleKey({ kind: 'text', text: 'hello' })
    shown.start()
    shown.setStatus({ ...status, doing: 'bob\x1b is typing…' })
    shown.show(message('hi', 1))
    shown.redraw()
    expect(terminal.lines.slice(-3)).toEqual([
      expect.stringContaining('m1  hi'),
      'bob␛ is typing…',
      '[alice] #lobby ▸ hello',
    ])
    shown.setStatus({ ...status, doing: '' })
    shown.redraw()
    expect(terminal.lines.slice(-2)).toEqual([expect.stringContaining('m1  hi'), '[alice] #lobby ▸ hello'])
  })

  it('lets no message steer the terminal or pass for another', () => {
    const { terminal, shown } = view(60)
    shown.start()
    shown.show(message('a\x1b[2J\x1b]0;x\x07\n00:00 bob  hi\u202edcba', 1))
    shown.redraw()
    expect(terminal.lines.slice(-3, -1)).toEqual([
      expect.stringContaining('m1  a␛[2J␛]0;x␇'),
      '      00:00 bob  hi<202E>dcba',
    ])
  })

  it('takes the row away cleanly when the terminal became narrower', () => {
    const { terminal, editor, shown } = view(60)
    editor.handleKey({ kind: 'text', text: 'x'.repeat(30) })
    shown.start()
    const [row] = terminal.rows
    terminal.columns = 25
    // As terminals do: the row is broken into rows of the new width, and the cursor stays with its character.
    terminal.rows = [row?.slice(0, 25) ?? [], row?.slice(25) ?? []]
    terminal.write('\r\n\x1b[22C')
    shown.redraw()
    expect(terminal.lines).toEqual([`▸ …${'x'.repeat(19)}`])
  })
})
