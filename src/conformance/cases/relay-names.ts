/** Section 5.4: names that are taken and names that are not, for people and rooms. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

/** What is wrong, the name, and whether the rule on scripts is the one concerned. */
const BAD: readonly (readonly [string, string, boolean?])[] = [
  ['blank', 'a b'],
  ['33-code-points', 'a'.repeat(33)],
  ['symbol', 'a!b'],
  ['control', 'a\u0007b'],
  ['emoji', 'a\u{1f600}'],
  ['other-number', 'a\u00b2'],
  ['first-is-a-mark', '\u0301a'],
  ['first-is-a-dash', '-a'],
  ['first-is-a-dot', '.a'],
  ['zero-width-joiner', 'a\u200db'],
  ['soft-hyphen', 'a\u00adb'],
  ['variation-selector', 'a\ufe0fb'],
  ['bidi-override', 'a\u202eb'],
  ['hangul-filler', 'a\u3164b'],
  ['hash', '#a'],
  ['slash', 'a/b'],
  ['latin-and-cyrillic', 'a\u0431', true],
  ['latin-and-greek', 'a\u03b2', true],
  ['cyrillic-and-greek', '\u0431\u03b2', true],
  ['cyrillic-and-han', '\u0431\u4e2d', true],
  ['hebrew-and-arabic', '\u05d0\u0627', true],
  ['folds-to-a-blank', 'a\u00af'],
]

const GOOD: readonly (readonly [string, string, boolean?])[] = [
  ['underscore-first', '_a'],
  ['digit-first', '7a'],
  ['dash-and-dot-inside', 'a-.b'],
  ['latin-with-marks', 'a\u1ec7'],
  ['cyrillic', '\u0431\u0433', true],
  ['greek', '\u03b2\u03b3', true],
  ['hebrew', '\u05d0\u05d1', true],
  ['latin-han-kana', 'a\u4e2d\u3042\u30a2', true],
  ['latin-hangul', 'a\uac00', true],
  ['latin-bopomofo', 'a\u3105', true],
  ['arabic-digits', '\u0627\u0663', true],
  ['supplementary', '\u{20000}\u{20001}'],
]

/** Other names a relay may refuse (PAL-HSK-060). */
function isAscii(name: string): boolean {
  return [...name].every((each) => (each.codePointAt(0) as number) < 128)
}

function text(): string {
  const lines: string[] = []
  const shake = ['alice opens', 'alice > hello', 'alice < challenge']
  for (const [what, name, isScript] of BAD) {
    const rule = isScript ? 'HSK-024 HSK-023' : 'HSK-023'
    const quoted = JSON.stringify(name)
    const longRoom = /code-points/u.test(what)
      ? JSON.stringify(name + name.slice(0, name.length - 1))
      : quoted
    lines.push(
      `= HSK-023/${what} : ${rule} HSK-018`,
      ...shake,
      `alice > auth name=${quoted}`,
      'alice closed bad_name',
      `= ROM-009/${what} : ROM-009 ${rule}`,
      'alice enters',
      `alice > join room=${longRoom}`,
      'alice < error code=bad_room_name',
      `= HSK-036/${what} : HSK-036 ROM-023`,
      'alice enters',
      `alice > whois name=${quoted}`,
      'alice < error code=no_such_name',
    )
  }
  for (const [what, name, isScript] of GOOD) {
    const [may, mayRoom] = isAscii(name) ? ['', ''] : [' | may:bad_name', ' | may:bad_room_name']
    const rule = isScript ? 'HSK-024 HSK-023' : 'HSK-023'
    const unique = `${JSON.stringify(name)}+$digits`
    lines.push(
      `= HSK-023/good-${what} : ${rule} HSK-025${may}`,
      ...shake,
      `alice > auth name=${unique}`,
      'alice < ready name=$alice',
      `= ROM-009/good-${what} : ROM-009 ROM-011 ${rule}${mayRoom}`,
      'alice enters',
      `alice > join room=${unique}`,
      'alice < joined conversation=?r kind=room role=operator',
      'alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator',
    )
  }
  return lines.join('\n')
}

/** Cases about names. */
export const RELAY_NAMES: readonly Case[] = casesOf('core-relay', text())
