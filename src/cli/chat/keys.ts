/** What a terminal sends, as keys. Bytes may come cut anywhere. */
import { StringDecoder } from 'node:string_decoder'

/** A named key; letters pressed with Ctrl or Alt are named `ctrl-x` and `alt-x`. */
export type Key =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'paste'; readonly text: string }
  | { readonly kind: 'key'; readonly name: string }

/** A paste beyond this is cut. */
const PASTE_CHARS_MAX = 64 * 1024
const PASTE_END = '\x1b[201~'
/** Longer sequences are none of those known; they are dropped. */
const SEQUENCE_CHARS_MAX = 32

const CSI_FINALS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  Z: 'shift-tab',
}
const CSI_NUMBERS: Readonly<Record<string, string>> = {
  1: 'home',
  3: 'delete',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
}
const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
}

/** Turns bytes into keys. After a pause call `flush`: then a lone escape is the key Esc. */
export class KeyDecoder {
  readonly #utf8 = new StringDecoder('utf8')
  #rest = ''
  #paste: string | undefined

  /** Whether the beginning of a sequence waits for the rest. */
  get isWaiting(): boolean {
    return this.#rest !== ''
  }

  push(bytes: Uint8Array): Key[] {
    this.#rest += this.#utf8.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    const keys: Key[] = []
    for (let taken = this.#take(keys); taken > 0; taken = this.#take(keys))
      this.#rest = this.#rest.slice(taken)
    return keys
  }

  /** Nothing more came: what waits is complete. */
  flush(): Key[] {
    const rest = this.#rest
    if (this.#paste !== undefined || rest === '') return []
    this.#rest = ''
    return rest === '\x1b' ? [{ kind: 'key', name: 'esc' }] : []
  }

  /** Takes one key from the front; the characters it had, or 0 when more are wanted. */
  #take(keys: Key[]): number {
    const text = this.#rest
    if (text === '') return 0
    if (this.#paste !== undefined) return this.#takePaste(keys)
    const first = text[0] as string
    if (first === '\x1b') return this.#takeEscape(keys)
    if (first < ' ' || first === '\x7f') {
      keys.push({ kind: 'key', name: CONTROLS[first] ?? `ctrl-${controlLetter(first)}` })
      return 1
    }
    const run = /^[^\x00-\x1f\x7f]+/u.exec(text)?.[0] ?? first
    keys.push({ kind: 'text', text: run })
    return run.length
  }

  #takePaste(keys: Key[]): number {
    const text = this.#rest
    const end = text.indexOf(PASTE_END)
    // The end may be cut: its longest possible beginning stays.
    const upTo = end >= 0 ? end : Math.max(0, text.length - PASTE_END.length + 1)
    this.#paste = `${this.#paste}${text.slice(0, upTo)}`.slice(0, PASTE_CHARS_MAX)
    if (end < 0) return upTo
    keys.push({ kind: 'paste', text: this.#paste })
    this.#paste = undefined
    return end + PASTE_END.length
  }

  #takeEscape(keys: Key[]): number {
    const text = this.#rest
    if (text.length === 1) return 0
    const second = text[1] as string
    if (second === '[') return this.#takeCsi(keys)
    if (second === 'O') return this.#takeSs3(keys)
    if (second === '\x1b') {
      keys.push({ kind: 'key', name: 'esc' })
      return 1
    }
    const name = second === '\x7f' || second === '\b' ? 'alt-backspace' : `alt-${second}`
    if (second >= ' ') keys.push({ kind: 'key', name })
    return 2
  }

  #takeSs3(keys: Key[]): number {
    const third = this.#rest[2]
    if (third === undefined) return 0
    const name = CSI_FINALS[third]
    if (name !== undefined) keys.push({ kind: 'key', name })
    return 3
  }

  #takeCsi(keys: Key[]): number {
    const text = this.#rest
    const match = /^\x1b\[([0-9;?<=>]*)([ -/]*)([@-~])/u.exec(text)
    if (!match) return /^\x1b\[[0-9;?<=>]*[ -/]*$/u.test(text) && text.length < SEQUENCE_CHARS_MAX ? 0 : 2
    const [whole, numbers = '', , final = ''] = match
    const [number = '', modifier = '1'] = numbers.split(';')
    if (final === '~' && number === '200') this.#paste = ''
    const base = final === '~' ? CSI_NUMBERS[number] : CSI_FINALS[final]
    if (base !== undefined) keys.push({ kind: 'key', name: modifierPrefix(modifier) + base })
    return whole.length
  }
}

/** xterm's modifiers: 1 plus Shift 1, Alt 2, Ctrl 4. */
function modifierPrefix(modifier: string): string {
  const bits = (Number(modifier) || 1) - 1
  return (bits & 4 ? 'ctrl-' : '') + (bits & 2 ? 'alt-' : '')
}

function controlLetter(control: string): string {
  return String.fromCharCode(control.charCodeAt(0) + 0x60)
}
