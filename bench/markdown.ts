/** Puts tables into docs/benchmarks.md: prose stays, and so do modes that were not measured. */
import { type Outcome, rowsOf, tableOf } from './report.ts'

const BEGIN = '<!-- tables: written by npm run bench -- --markdown FILE -->'
const END = '<!-- end of tables -->'
/** The columns of the table of what was to be reached. */
const COMPARED = ['nats', 'redis', 'mosquitto', 'inspircd'] as const

/** The text with the outcomes in it. Throws where it has no place for them. */
export function withTables(text: string, outcomes: readonly Outcome[]): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`no place for tables: it needs ${BEGIN} and ${END}`)
  const sections = sectionsOf(text.slice(begin + BEGIN.length, end))
  for (const outcome of outcomes) {
    const { name, title } = outcome.mode
    sections.set(name, `### \`${name}\`: ${title}\n\n${tableOf(outcome)}`)
  }
  const tables = [...sections.values()].join('\n\n')
  const prose = outcomes.reduce(withReached, text.slice(end))
  return `${text.slice(0, begin)}${BEGIN}\n\n${tables}\n\n${prose}`
}

/** The part of each mode, by its name. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^(?=### `)/mu).filter((part) => part.startsWith('### `'))
  return new Map(parts.map((part) => [part.split('`')[1] as string, part.trim()]))
}

/** The last cell of the mode's line in the table of what was to be reached; what was asked stays. */
function withReached(text: string, outcome: Outcome): string {
  const ratios = new Map(rowsOf(outcome).map(({ server, ratio }) => [server, ratio]))
  const reached = COMPARED.map((peer) => ratios.get(peer)?.toFixed(2) ?? '-').join(' / ')
  const line = new RegExp(`^(\\| ${outcome.mode.name} \\|[^|\\n]*\\|).*$`, 'mu')
  return text.replace(line, (_, kept: string) => `${kept} ${reached} |`)
}
