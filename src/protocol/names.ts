/**
 * What names may look like (spec chapter 5): one normal form for display, one folded form for comparing. The
 * rules follow the PRECIS idea (RFC 8264): letters, marks, digits and a few signs, nothing invisible.
 */
import { utf8Bytes } from '../base/bytes.ts'
import { LIMITS } from '../codec/generated/registry.ts'

/** A name that may be used. */
export interface NormalName {
  /** As people see it: NFC. */
  readonly text: string
  /** As names are compared and looked up. */
  readonly folded: string
}

const ALLOWED = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]*$/u
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u

/** The normal form of a person's name, or undefined when it is not allowed. */
export function normalizeName(name: string): NormalName | undefined {
  return normalize(name, LIMITS.nameCodePoints, LIMITS.nameBytes)
}

/** The normal form of a room's name (without '#'), or undefined when it is not allowed. */
export function normalizeRoomName(name: string): NormalName | undefined {
  return normalize(name, LIMITS.roomNameCodePoints, LIMITS.roomNameBytes)
}

function normalize(name: string, codePointsMax: number, bytesMax: number): NormalName | undefined {
  if (name.length > bytesMax) return undefined
  const text = name.normalize('NFC')
  //= PAL-HSK-023
  if (!ALLOWED.test(text) || INVISIBLE.test(text) || mixesScripts(text)) return undefined
  const folded = foldName(text)
  const tooLong = [...text].length > codePointsMax || utf8Bytes(text).length > bytesMax
  return tooLong || !ALLOWED.test(folded) ? undefined : { text, folded }
}

/**
 * How texts are compared (spec chapter 5.4). Lower-casing writes a final sigma in its own form; it is one
 * letter.
 */
export function foldName(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll('\u03c2', '\u03c3').normalize('NFC')
}

const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['latin', /\p{Script=Latin}/u],
  ['han', /\p{Script=Han}/u],
  ['kana', /[\p{Script=Hiragana}\p{Script=Katakana}]/u],
  ['hangul', /\p{Script=Hangul}/u],
  ['bopomofo', /\p{Script=Bopomofo}/u],
]
const COMMON = /[\p{Script=Common}\p{Script=Inherited}]/u
/** Every other script of Unicode 15, by its four-letter code (ISO 15924). */
const OTHER_SCRIPTS: readonly RegExp[] = (
  'Adlm Aghb Ahom Arab Armi Armn Avst Bali Bamu Bass Batk Beng Bhks Brah Brai Bugi Buhd Cakm Cans ' +
  'Cari Cham Cher Chrs Copt Cpmn Cprt Cyrl Deva Diak Dogr Dsrt Dupl Egyp Elba Elym Ethi Geor Glag ' +
  'Gong Gonm Goth Gran Grek Gujr Guru Hano Hatr Hebr Hluw Hmng Hmnp Hung Ital Java Kali Kawi Khar ' +
  'Khmr Khoj Kits Knda Kthi Lana Laoo Lepc Limb Lina Linb Lisu Lyci Lydi Mahj Maka Mand Mani Marc ' +
  'Medf Mend Merc Mero Mlym Modi Mong Mroo Mtei Mult Mymr Nagm Nand Narb Nbat Newa Nkoo Nshu Ogam ' +
  'Olck Orkh Orya Osge Osma Ougr Palm Pauc Perm Phag Phli Phlp Phnx Plrd Prti Rjng Rohg Runr Samr ' +
  'Sarb Saur Sgnw Shaw Shrd Sidd Sind Sinh Sogd Sogo Sora Soyo Sund Sylo Syrc Tagb Takr Tale Talu ' +
  'Taml Tang Tavt Telu Tfng Tglg Thaa Thai Tibt Tirh Tnsa Toto Ugar Vaii Vith Wara Wcho Xpeo Xsux ' +
  'Yezi Yiii Zanb'
)
  .split(' ')
  .map((code) => new RegExp(`\\p{Script=${code}}`, 'u'))

/**
 * Whether letters come from scripts that are not written together. Latin goes with the East Asian scripts and
 * with nothing else (UTS 39 section 5.2, "highly restrictive").
 */
function mixesScripts(text: string): boolean {
  let script: string | undefined
  for (const character of text) {
    if (COMMON.test(character)) continue
    const found = scriptGroup(character)
    //= PAL-HSK-024
    if (script !== undefined && script !== found) return true
    script = found
  }
  return false
}

function scriptGroup(character: string): string {
  if (SCRIPTS.some(([, pattern]) => pattern.test(character))) return 'latin-and-east-asian'
  const index = OTHER_SCRIPTS.findIndex((pattern) => pattern.test(character))
  return index < 0 ? 'unlisted' : `script-${index}`
}

/** Compares by code points, which is the order of the UTF-8 bytes. */
export function compareCodePoints(a: string, b: string): number {
  const left = a[Symbol.iterator]()
  const right = b[Symbol.iterator]()
  for (;;) {
    const l = left.next()
    const r = right.next()
    if (l.done || r.done) return l.done === r.done ? 0 : l.done ? -1 : 1
    const difference = (l.value.codePointAt(0) as number) - (r.value.codePointAt(0) as number)
    if (difference !== 0) return difference
  }
}
