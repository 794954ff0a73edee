/** Cases written as text: a head, then one step a line. */
import { type Case, type Profile, SETUP_NAMES, type Setup, type Weather } from '../case.ts'

const HEAD = /^= (\S+) : ([^|]+?)(?:\s*\|\s*(.*))?$/u

/**
 * Reads cases. A head is `= ID : REQUIREMENT… | OPTION…`; the `PAL-` of requirements is left out. Options
 * are a configuration, `alone`, `tcp`, `udp`, `may:CODE`, and faults of the link such as `loss:0.2`. A line
 * that begins with `&` continues the one before; `alice, bob in r` stands for how most cases open.
 */
export function casesOf(profile: Profile, text: string): Case[] {
  const cases: Case[] = []
  let steps: string[] = []
  for (const raw of text.replace(/\n\s*& /gu, ' ').split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('//')) continue
    if (!line.startsWith('= ')) {
      steps.push(...openingOf(line))
      continue
    }
    const [, id = '', requirements = '', options = ''] = HEAD.exec(line) ?? []
    if (id === '') throw new RangeError(`no head of a case: ${line}`)
    steps = []
    cases.push(
      caseOf(profile, { id, requirements: requirements.split(/\s+/u), steps }, options.split(/\s+/u)),
    )
  }
  return cases.map((each) => ({ ...each, ...(needsRelay(each) ? { isAlone: true } : {}) }))
}

const OPENING = /^(\w+(?:, \w+)*) in (\w+)$/u

/** `alice, bob in r`: they enter and join, in that order; any other line is one step. */
function openingOf(line: string): string[] {
  const [, names, room] = OPENING.exec(line) ?? []
  if (names === undefined) return [line]
  const people = names.split(', ')
  return [...people.map((each) => `${each} enters`), ...people.map((each) => `${each} joins ${room}`)]
}

const SETUP_WORDS: readonly string[] = SETUP_NAMES

function caseOf(
  profile: Profile,
  { id, requirements, steps }: { id: string; requirements: string[]; steps: string[] },
  options: readonly string[],
): Case {
  const setup = (options.find((option) => SETUP_WORDS.includes(option)) ?? 'standard') as Setup
  const permitted = options.find((option) => option.startsWith('may:'))
  const transports = options.filter((option): option is 'tcp' | 'udp' => option === 'tcp' || option === 'udp')
  return {
    id,
    requirements: requirements.map((each) => `PAL-${each}`),
    profile: transports.join() === 'udp' && profile === 'core-relay' ? 'datagram-relay' : profile,
    setup,
    steps,
    ...(transports.length > 0 ? { transports } : {}),
    ...(options.includes('alone') ? { isAlone: true } : {}),
    ...(profile === 'datagram-relay' ? { isPackets: true } : {}),
    ...weatherOf(options),
    ...(permitted === undefined ? {} : { permits: permitted.slice(4) }),
  }
}

const FAULTS = ['loss', 'duplication', 'reordering', 'corruption'] as const satisfies (keyof Weather)[]

function weatherOf(options: readonly string[]): Pick<Case, 'weather'> {
  const weather: Partial<Record<keyof Weather, number>> = {}
  for (const option of options) {
    const [name, share] = option.split(':')
    const fault = FAULTS.find((each) => each === name)
    if (fault) weather[fault] = Number(share)
  }
  return Object.keys(weather).length > 0 ? { weather } : {}
}

/** Configurations whose limits count what all cases do. */
const SCARCE: readonly Setup[] = ['small', 'crowded', 'full', 'links', 'slow', 'kept']

/** Whether a case must have a whole relay for itself: its operator is one, and its limits are few. */
function needsRelay({ steps, setup }: Case): boolean {
  const isScarce = SCARCE.includes(setup)
  return isScarce || steps.some((step) => /\boperator\d* (?:enters|greets|opens)\b|^relay /u.test(step))
}
