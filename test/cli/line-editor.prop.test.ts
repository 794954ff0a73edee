import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Key, KeyDecoder } from '../../src/cli/chat/keys.ts'
import { type EditorAction, LineEditor } from '../../src/cli/chat/line-editor.ts'

const NAMES = [
  'left',
  'right',
  'home',
  'end',
  'up',
  'down',
  'backspace',
  'delete',
  'enter',
  'tab',
  'esc',
  'ctrl-a',
  'ctrl-e',
  'ctrl-u',
  'ctrl-k',
  'ctrl-w',
  'ctrl-l',
  'ctrl-c',
  'ctrl-d',
  'ctrl-left',
  'ctrl-right',
  'alt-b',
  'alt-f',
  'alt-d',
  'alt-1',
  'alt-9',
  'alt-left',
  'alt-right',
  'ctrl-q',
]
const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }),
  fc.constantFrom('e', '\u0301', '日本', '👩‍👩‍👧', '\u200d', '🇩', '🇪', ' ', 'a b'),
)
const key: fc.Arbitrary<Key> = fc.oneof(
  text.map((typed): Key => ({ kind: 'text', text: typed })),
  fc.string({ maxLength: 20 }).map((pasted): Key => ({ kind: 'paste', text: pasted })),
  fc.constantFrom(...NAMES).map((name): Key => ({ kind: 'key', name })),
)

function typed(editor: LineEditor, ...keys: (string | Key)[]): EditorAction {
  let action: EditorAction = { kind: 'none' }
  for (const each of keys)
    action = editor.handleKey(typeof each === 'string' ? { kind: 'key', name: each } : each)
  return action
}

const type = (words: string): Key => ({ kind: 'text', text: words })

describe('the line editor', () => {
  it('keeps the cursor within the line, and the line within its limit, whatever is pressed', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
        const editor = new LineEditor(64)
        for (const each of keys) {
          editor.handleKey(each)
          expect(editor.cursor).toBeGreaterThanOrEqual(0)
          expect(editor.cursor).toBeLessThanOrEqual(editor.graphemes.length)
          expect(editor.before + editor.after).toBe(editor.text)
          expect(Buffer.byteLength(editor.text)).toBeLessThanOrEqual(64)
        }
      }),
    )
  })

  it('submits exactly what was typed, in any cut', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 10 }), (pieces) => {
        const editor = new LineEditor(10_000)
        expect(typed(editor, ...pieces.map(type), 'enter')).toEqual({ kind: 'submit', line: pieces.join('') })
        expect(editor.text).toBe('')
      }),
    )
  })

  it('puts text where the cursor is', () => {
    const editor = new LineEditor(100)
    typed(editor, type('hello world'), 'ctrl-left', type('big '))
    expect([editor.before, editor.after]).toEqual(['hello big ', 'world'])
  })

  it('moves and removes by what a person takes for a character', () => {
    const editor = new LineEditor(100)
    typed(editor, type('a👩‍👩‍👧e\u0301'), 'left')
    expect(editor.before).toBe('a👩‍👩‍👧')
    typed(editor, 'backspace')
    expect(editor.text).toBe('ae\u0301')
  })

  it('removes words and ends', () => {
    const editor = new LineEditor(100)
    typed(editor, type('one two  three'), 'ctrl-w', 'ctrl-w')
    expect(editor.text).toBe('one ')
    typed(editor, type('abc'), 'home', 'ctrl-right', 'ctrl-k')
    expect(editor.text).toBe('one')
    typed(editor, 'ctrl-u')
    expect(editor.text).toBe('')
  })

  it('recalls earlier lines and comes back to the one being typed', () => {
    const editor = new LineEditor(100)
    typed(editor, type('first'), 'enter', type('second'), 'enter', type('dra'), 'up', 'up', 'up')
    expect(editor.text).toBe('first')
    typed(editor, 'down', 'down')
    expect(editor.text).toBe('dra')
    typed(editor, 'down')
    expect(editor.text).toBe('dra')
  })

  it('clears with Ctrl-C, and leaves when there is nothing to clear', () => {
    const editor = new LineEditor(100)
    typed(editor, type('x'))
    expect(typed(editor, 'ctrl-c').kind).toBe('changed')
    expect(typed(editor, 'ctrl-c').kind).toBe('leave')
  })

  it('refuses what would make the line too long, and keeps the line', () => {
    const editor = new LineEditor(5)
    typed(editor, type('abcd'))
    expect(typed(editor, type('éé')).kind).toBe('too_long')
    expect(editor.text).toBe('abcd')
  })

  it('keeps the line ends of a paste and drops its controls', () => {
    const editor = new LineEditor(100)
    typed(editor, { kind: 'paste', text: 'one\r\ntwo\x1b[31m\x07\n' })
    expect(editor.text).toBe('one\ntwo[31m')
  })
})

describe('the key decoder', () => {
  const SAMPLE = 'aé日\x1b[A\x1b[1;5C\x1bb\x1b3\x1bOH\x1b[200~x\ny\x1b[201~\r\x7f\x03\x1b[Z'
  const EXPECTED: Key[] = [
    ...['a', 'é', '日'].map(type),
    ...['up', 'ctrl-right', 'alt-b', 'alt-3', 'home'].map((name): Key => ({ kind: 'key', name })),
    { kind: 'paste', text: 'x\ny' },
    ...['enter', 'backspace', 'ctrl-c', 'shift-tab'].map((name): Key => ({ kind: 'key', name })),
  ]

  function joined(keys: readonly Key[]): Key[] {
    const split = (each: Key): Key[] => (each.kind === 'text' ? [...each.text].map(type) : [each])
    return keys.flatMap(split)
  }

  it('gives the same keys however the bytes are cut', () => {
    const bytes = Buffer.from(SAMPLE)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 60 }), (cuts) => {
        const decoder = new KeyDecoder()
        const keys: Key[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          keys.push(...decoder.push(bytes.subarray(at, at + cut)))
          at += cut
        }
        expect(joined(keys)).toEqual(EXPECTED)
      }),
    )
  })

  it('takes a lone escape for the key Esc after a pause', () => {
    const decoder = new KeyDecoder()
    expect(decoder.push(Buffer.from('\x1b'))).toEqual([])
    expect(decoder.isWaiting).toBe(true)
    expect(decoder.flush()).toEqual([{ kind: 'key', name: 'esc' }])
  })

  it('gives no control character as text, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoder = new KeyDecoder()
        for (const each of decoder.push(bytes))
          if (each.kind === 'text') expect(each.text).not.toMatch(/[\x00-\x1f]/u)
        decoder.flush()
      }),
    )
  })
})
