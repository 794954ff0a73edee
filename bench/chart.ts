/** A bar chart of ratios on a logarithmic scale, as SVG. */

export interface Bar {
  readonly group: string
  readonly label: string
  readonly value: number
}

const WIDTH = 760
const LABEL_X = 130
const BAR_HEIGHT = 14
const GROUP_GAP = 26
const TOP = 40
const TICKS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 100, 1000]

/** The chart of bars, grouped in the order in which they are given; the line is at 1. */
export function barChart(bars: readonly Bar[], title: string): string {
  const values = bars.map(({ value }) => value).filter((value) => value > 0)
  const least = Math.min(0.5, ...values)
  const most = Math.max(2, ...values)
  const scale = (WIDTH - LABEL_X - 70) / Math.log(most / least)
  const x = (value: number): number => LABEL_X + Math.log(Math.max(value, least) / least) * scale
  const parts: string[] = []
  let y = TOP
  let group = ''
  for (const bar of bars) {
    if (bar.group !== group) {
      group = bar.group
      y += GROUP_GAP
      parts.push(text(8, y - 6, group, 'font-weight="bold"'))
    }
    const [from, to] = [Math.min(x(1), x(bar.value)), Math.max(x(1), x(bar.value))]
    const fill = bar.value >= 1 ? '#2a7f62' : '#b5533c'
    parts.push(text(LABEL_X - 6, y + 11, bar.label, 'text-anchor="end"'))
    parts.push(
      `<rect x="${n(from)}" y="${y + 2}" width="${n(to - from)}" height="${BAR_HEIGHT - 3}" fill="${fill}"/>`,
    )
    parts.push(text(to + 4, y + 11, `${bar.value.toFixed(bar.value < 10 ? 2 : 0)}×`))
    y += BAR_HEIGHT
  }
  const ticks = TICKS.filter((tick) => tick >= least && tick <= most).map(
    (tick) =>
      `<line x1="${n(x(tick))}" x2="${n(x(tick))}" y1="${TOP}" y2="${y}" stroke="${tick === 1 ? '#333' : '#ddd'}"/>` +
      text(x(tick), y + 14, String(tick), 'text-anchor="middle"'),
  )
  const size = `width="${WIDTH}" height="${y + 24}" viewBox="0 0 ${WIDTH} ${y + 24}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    text(8, 18, title, 'font-size="12"'),
    ...ticks,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function text(x: number, y: number, value: string, attributes = ''): string {
  return `<text x="${n(x)}" y="${n(y)}" ${attributes}>${escaped(value)}</text>`
}

function escaped(value: string): string {
  return value.replace(/&/gu, '&amp;').replace(/</gu, '&lt;').replace(/>/gu, '&gt;')
}

function n(value: number): string {
  return value.toFixed(1)
}
