/**
 * spec/vectors/names.json: names with their normal and folded forms, names to refuse, and names that
 * look alike.
 */

type NameKind = 'name' | 'room'

/** Input, then the normal form and the folded form where they differ from it. */
const ALLOWED: readonly (readonly [string, NameKind, string, string?, string?])[] = [
  ['plain', 'name', 'alice'],
  ['upper case is kept and folded', 'name', 'Alice', 'Alice', 'alice'],
  ['one letter', 'name', 'a'],
  ['digits alone', 'name', '42'],
  ['the signs', 'name', '_a-b.c_'],
  ['a sign at the end', 'name', 'a-'],
  ['32 code points', 'name', 'x'.repeat(32)],
  ['32 code points of three bytes', 'name', '語'.repeat(32)],
  ['32 code points of four bytes', 'name', '\u{20000}'.repeat(32)],
  ['composed by the normal form', 'name', 'zoe\u0308', 'zo\u00eb', 'zo\u00eb'],
  ['composed already', 'name', 'zo\u00eb'],
  [
    '33 code points that compose to 32',
    'name',
    `${'x'.repeat(31)}e\u0308`,
    `${'x'.repeat(31)}\u00eb`,
    `${'x'.repeat(31)}\u00eb`,
  ],
  ['an upper-case letter outside ASCII', 'name', 'ÉMILE', 'ÉMILE', 'émile'],
  ['full width folds to plain', 'name', '\uff41\uff42', '\uff41\uff42', 'ab'],
  ['a ligature folds to its letters', 'name', '\ufb01n', '\ufb01n', 'fin'],
  ['Cyrillic alone', 'name', 'Борис', 'Борис', 'борис'],
  ['Greek alone', 'name', 'Σοφία', 'Σοφία', 'σοφία'],
  ['a final sigma folds to sigma', 'name', 'Νίκος', 'Νίκος', 'νίκοσ'],
  ['a capital sigma at the end', 'name', 'ΝΊΚΟΣ', 'ΝΊΚΟΣ', 'νίκοσ'],
  [
    'a folded form of more than 32 code points',
    'name',
    '\ufb01'.repeat(32),
    '\ufb01'.repeat(32),
    'fi'.repeat(32),
  ],
  ['a letter of the script Common, whatever its extensions', 'name', 'a\u0640b'],
  ['Arabic digits', 'name', '\u0661\u0662'],
  ['Latin with Han', 'name', 'wei语'],
  ['Latin with Hiragana and Katakana', 'name', 'yukiゆきユキ'],
  ['Latin with Hangul', 'name', 'kim김'],
  ['a mark after its letter', 'name', 'q\u0307'],
  ['a room of 64 code points', 'room', 'r'.repeat(64)],
  ['a room like a name', 'room', 'Lobby', 'Lobby', 'lobby'],
]

const REFUSED: readonly (readonly [string, NameKind, string])[] = [
  ['empty', 'name', ''],
  ['33 code points', 'name', 'x'.repeat(33)],
  ['a room of 65 code points', 'room', 'r'.repeat(65)],
  ['a space', 'name', 'a b'],
  ['a space at the end', 'name', 'alice '],
  ['a tab', 'name', 'a\tb'],
  ['a line end', 'name', 'a\nb'],
  ['a zero', 'name', 'a\0'],
  ['a control character of C1', 'name', 'a\u0085'],
  ['an escape', 'name', '\u001b[31m'],
  ['a point first', 'name', '.a'],
  ['a hyphen first', 'name', '-a'],
  ['a mark first', 'name', '\u0308a'],
  ['two points', 'name', '..'],
  ['a slash', 'name', 'a/b'],
  ['a backslash', 'name', 'a\\b'],
  ['a number sign', 'room', '#lobby'],
  ['an at sign', 'name', '@a'],
  ['a colon', 'name', 'a:b'],
  ['a currency sign', 'name', 'a$'],
  ['an emoji', 'name', '\u{1f600}'],
  ['a zero-width space', 'name', 'a\u200bb'],
  ['a zero-width joiner', 'name', 'a\u200db'],
  ['a soft hyphen', 'name', 'a\u00adb'],
  ['a right-to-left override', 'name', 'a\u202eb'],
  ['a byte order mark', 'name', '\ufeffa'],
  ['a Hangul filler', 'name', 'a\u3164'],
  ['a variation selector', 'name', 'a\ufe0f'],
  ['a private-use character', 'name', 'a\ue000'],
  ['an unassigned code point', 'name', 'a\u0378'],
  ['a fraction', 'name', '\u00bd'],
  ['a Roman numeral', 'name', '\u2163'],
  ['Latin with Cyrillic', 'name', '\u0430lice'],
  ['Latin with Greek', 'name', 'alic\u03b5'],
  ['Cyrillic with Greek', 'name', '\u0431\u03b2'],
  ['Hebrew with Arabic', 'name', '\u05d0\u0627'],
  ['a folded form that holds spaces', 'name', '\ufdfa'],
]

/** Pairs: whether they are the same name, and whether they look alike (the same do, too). */
const PAIRS: readonly (readonly [string, string, boolean, boolean])[] = [
  ['alice', 'ALICE', true, true],
  ['zo\u00eb', 'zoe\u0308', true, true],
  ['\uff41\uff42', 'ab', true, true],
  ['\ufb01n', 'fin', true, true],
  ['Νίκος', 'ΝΊΚΟΣ', true, true],
  ['Νίκος', 'νίκοσ', true, true],
  ['alice', 'alicia', false, false],
  ['alice', 'bob', false, false],
  ['\u0430\u0441\u0435', 'ace', false, true],
  ['rn', 'm', false, true],
  ['l0l', 'lol', false, true],
  ['alice', 'aIice', false, true],
  ['\u0421\u0415\u041e', 'ceo', false, true],
  ['aI\u00aa', 'ala', false, true],
]

/** The vectors of names. */
export function nameVectors(): object[] {
  return [
    ...ALLOWED.map(([name, kind, input, text = input, folded = text]) => ({
      name,
      kind,
      input,
      valid: true,
      text,
      folded,
    })),
    ...REFUSED.map(([name, kind, input]) => ({ name, kind, input, valid: false })),
    ...PAIRS.map(([a, b, same, alike]) => ({ name: `${a} and ${b}`, kind: 'pair', a, b, same, alike })),
  ]
}
