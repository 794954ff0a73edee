/** A state machine of the registry as SVG, drawn with the colours of the page it is in. */
import type { RoleReactions } from '../spec/registry.ts'

const BOX = { width: 168, height: 44 }
const STEP = 240
const TOP = 24
const BAR = 196
const MARGIN = 12
/** Room for what stands beside the last arrow. */
const LABEL = 12

/** The states in their order, what leads from one to the next, and what leads to the last one, `closed`. */
export function diagramOf({ states, rows }: RoleReactions): string {
  const open = states.slice(0, -1)
  const last = states.at(-1) ?? ''
  const width = MARGIN * 2 + BOX.width + STEP * (open.length - 1) + LABEL
  const height = BAR + BOX.height + MARGIN
  const shapes = open.flatMap((state, index) => {
    const x = MARGIN + index * STEP
    const next = open[index + 1]
    const toNext = next === undefined ? [] : accepted(rows, state, next)
    return [
      box(x, TOP, BOX.width, state),
      ...(toNext.length === 0 ? [] : [arrowRight(x + BOX.width, x + STEP, toNext)]),
      arrowDown(x + BOX.width * 0.1, accepted(rows, state, last), 'left'),
      arrowDown(x + BOX.width * 0.52, ['fault, deadline', '/ close'], 'right'),
    ]
  })
  return [
    '<div class="diagram">',
    `<svg viewBox="0 0 ${width} ${height}" width="${width}" role="img"`,
    `aria-label="States: ${states.join(', ')}">`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"',
    'orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>',
    ...shapes,
    box(MARGIN, BAR, width - MARGIN * 2 - LABEL, last),
    '</svg>',
    '</div>',
  ].join('\n')
}

function accepted(rows: RoleReactions['rows'], from: string, to: string): string[] {
  return Object.entries(rows)
    .filter(([, cells]) => cells[from] === `accept>${to}`)
    .map(([input]) => input)
}

function box(x: number, y: number, width: number, name: string): string {
  const rectangle = `<rect class="state" x="${x}" y="${y}" width="${width}" height="${BOX.height}" rx="8"/>`
  return `${rectangle}${text(x + width / 2, y + BOX.height / 2 + 5, 'name', 'middle', name)}`
}

function arrowRight(from: number, to: number, labels: readonly string[]): string {
  const y = TOP + BOX.height / 2
  const middle = (from + to) / 2
  const words = labels.map((label, i) =>
    text(middle, y - 8 - 16 * (labels.length - 1 - i), 'label', 'middle', label),
  )
  return `<path class="arrow" d="M${from} ${y}H${to - 2}" marker-end="url(#head)"/>${words.join('')}`
}

function arrowDown(x: number, labels: readonly string[], side: 'left' | 'right'): string {
  const from = TOP + BOX.height
  const y = (from + BAR) / 2 - 8 * labels.length + 14
  const words = labels.map((label, i) => text(x + 8, y + 16 * i, 'label', 'start', label))
  const style = side === 'left' ? 'arrow' : 'arrow fault'
  return `<path class="${style}" d="M${x} ${from}V${BAR - 2}" marker-end="url(#head)"/>${words.join('')}`
}

function text(x: number, y: number, style: string, anchor: string, words: string): string {
  return `<text class="${style}" x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`
}
