/**
 * The line being typed: keys in, a line and a cursor out. Knows no terminal. The cursor stands before one
 * of the line's graphemes, or after the last.
 */
import { graphemesOf } from '../text-width.ts'
import type { Key } from './keys.ts'

const HISTORY_MAX = 500

/** What a key asks of the program. */
export type EditorAction =
  | { readonly kind: 'none' | 'changed' | 'too_long' | 'redraw' | 'leave' | 'suspend' | 'complete' }
  | { readonly kind: 'submit'; readonly line: string }
  | { readonly kind: 'switch'; readonly to: number | 'next' | 'previous' }

const NONE: EditorAction = { kind: 'none' }
const CHANGED: EditorAction = { kind: 'changed' }
const TOO_LONG: EditorAction = { kind: 'too_long' }

export class LineEditor {
  readonly #bytesMax: number
  #graphemes: readonly string[] = []
  #cursor = 0
  readonly #history: string[] = []
  /** Where in the history the line comes from; its length stands for the line being typed. */
  #historyAt = 0
  #draft = ''

  /** `bytesMax`: the longest line, in UTF-8. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get text(): string {
    return this.#graphemes.join('')
  }

  get graphemes(): readonly string[] {
    return this.#graphemes
  }

  /** Graphemes before the cursor. */
  get cursor(): number {
    return this.#cursor
  }

  /** The text before the cursor. */
  get before(): string {
    return this.#graphemes.slice(0, this.#cursor).join('')
  }

  get after(): string {
    return this.#graphemes.slice(this.#cursor).join('')
  }

  /** Puts another line in place, with the cursor after `before`. */
  set(before: string, after: string): EditorAction {
    if (Buffer.byteLength(before) + Buffer.byteLength(after) > this.#bytesMax) return TOO_LONG
    this.#graphemes = graphemesOf(before + after)
    this.#cursor = 0
    // What follows the cursor may have joined the grapheme before it.
    for (let length = 0; length < before.length; this.#cursor++)
      length += (this.#graphemes[this.#cursor] as string).length
    return CHANGED
  }

  handleKey(key: Key): EditorAction {
    if (key.kind === 'text') return this.#insert(key.text)
    if (key.kind === 'paste') return this.#insert(pastedText(key.text))
    return this.#handleNamed(key.name)
  }

  #handleNamed(name: string): EditorAction {
    const digit = /^alt-([1-9])$/u.exec(name)
    if (digit) return { kind: 'switch', to: Number(digit[1]) - 1 }
    switch (name) {
      case 'enter':
        return this.#submit()
      case 'tab':
        return { kind: 'complete' }
      case 'ctrl-c':
        return this.#graphemes.length > 0 ? this.set('', '') : { kind: 'leave' }
      case 'ctrl-d':
        return this.#graphemes.length > 0 ? this.#removeAfter(1) : { kind: 'leave' }
      case 'ctrl-l':
        return { kind: 'redraw' }
      case 'ctrl-z':
        return { kind: 'suspend' }
      case 'alt-left':
        return { kind: 'switch', to: 'previous' }
      case 'alt-right':
        return { kind: 'switch', to: 'next' }
      default:
        return this.#move(name) ?? this.#remove(name) ?? NONE
    }
  }

  #move(name: string): EditorAction | undefined {
    switch (name) {
      case 'left':
      case 'ctrl-b':
        return this.#moveTo(this.#cursor - 1)
      case 'right':
      case 'ctrl-f':
        return this.#moveTo(this.#cursor + 1)
      case 'home':
      case 'ctrl-a':
        return this.#moveTo(0)
      case 'end':
      case 'ctrl-e':
        return this.#moveTo(this.#graphemes.length)
      case 'ctrl-left':
      case 'alt-b':
        return this.#moveTo(this.#wordStart())
      case 'ctrl-right':
      case 'alt-f':
        return this.#moveTo(this.#wordEnd())
      case 'up':
      case 'ctrl-p':
        return this.#recall(this.#historyAt - 1)
      case 'down':
      case 'ctrl-n':
        return this.#recall(this.#historyAt + 1)
      default:
        return undefined
    }
  }

  #remove(name: string): EditorAction | undefined {
    switch (name) {
      case 'backspace':
      case 'ctrl-h':
        return this.#removeBefore(1)
      case 'delete':
        return this.#removeAfter(1)
      case 'ctrl-u':
        return this.set('', this.after)
      case 'ctrl-k':
        return this.set(this.before, '')
      case 'ctrl-w':
      case 'alt-backspace':
        return this.#removeBefore(this.#cursor - this.#wordStart())
      case 'alt-d':
        return this.#removeAfter(this.#wordEnd() - this.#cursor)
      default:
        return undefined
    }
  }

  #insert(text: string): EditorAction {
    return text === '' ? NONE : this.set(this.before + text, this.after)
  }

  #moveTo(cursor: number): EditorAction {
    this.#cursor = Math.min(Math.max(cursor, 0), this.#graphemes.length)
    return CHANGED
  }

  #removeBefore(count: number): EditorAction {
    const kept = this.#graphemes.slice(0, Math.max(0, this.#cursor - count))
    return this.set(kept.join(''), this.after)
  }

  #removeAfter(count: number): EditorAction {
    return this.set(this.before, this.#graphemes.slice(this.#cursor + count).join(''))
  }

  /** Where the word that the cursor is in or behind starts. */
  #wordStart(): number {
    let at = this.#cursor
    while (at > 0 && isBlank(this.#graphemes[at - 1])) at -= 1
    while (at > 0 && !isBlank(this.#graphemes[at - 1])) at -= 1
    return at
  }

  #wordEnd(): number {
    const { length } = this.#graphemes
    let at = this.#cursor
    while (at < length && isBlank(this.#graphemes[at])) at += 1
    while (at < length && !isBlank(this.#graphemes[at])) at += 1
    return at
  }

  #submit(): EditorAction {
    const line = this.text
    if (line === '') return NONE
    if (this.#history.at(-1) !== line) this.#history.push(line)
    if (this.#history.length > HISTORY_MAX) this.#history.shift()
    this.#historyAt = this.#history.length
    this.#draft = ''
    this.set('', '')
    return { kind: 'submit', line }
  }

  #recall(index: number): EditorAction {
    if (index < 0 || index > this.#history.length) return NONE
    if (this.#historyAt === this.#history.length) this.#draft = this.text
    this.#historyAt = index
    return this.set(this.#history[index] ?? this.#draft, '')
  }
}

function isBlank(grapheme: string | undefined): boolean {
  return grapheme === ' ' || grapheme === '\n' || grapheme === '\u3000'
}

/** Line ends within a paste stay in the message; other controls go. */
function pastedText(text: string): string {
  const lines = text.replace(/\r\n?/gu, '\n').replace(/\t/gu, '    ').replace(/\n+$/u, '')
  return lines.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/gu, '')
}
