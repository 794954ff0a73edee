/** The language of the steps (spec chapter 19): one step a line, words with blanks between. */

/** A step after parsing. */
export interface Step {
  readonly who: string
  readonly verb: string
  /** The words before the first `name=value`. */
  readonly words: readonly string[]
  readonly fields: ReadonlyMap<string, string>
  readonly times: number
}

const WORD = /(?:"(?:[^"\\]|\\.)*"|[^\s"])+/gu
const FIELD = /^(\w+)=(.*)$/su
const parsed = new Map<string, Step>()

/** Parses a step; throws RangeError for one without a verb. */
export function parseStep(line: string): Step {
  const known = parsed.get(line)
  if (known) return known
  const words = [...line.matchAll(WORD)].map(([word]) => word)
  const times = words[1] === 'times' ? Number(words.shift()) : 1
  if (times !== 1 || words[0] === 'times') words.shift()
  const [who, verb, ...rest] = words
  if (who === undefined || verb === undefined) throw new RangeError(`no step: ${line}`)
  const fields = new Map<string, string>()
  const plain: string[] = []
  for (const word of rest) {
    const field = FIELD.exec(word)
    if (field) fields.set(field[1] as string, field[2] as string)
    else plain.push(word)
  }
  const step = { who, verb, words: plain, fields, times }
  parsed.set(line, step)
  return step
}
