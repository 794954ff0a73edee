/** The table and the charts, from the figures kept. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure, FigureStore } from './figures.ts'

const TITLES: Readonly<Record<string, string>> = {
  latency: 'Chat alone: one-way latency in ms, by loss each way',
  bulk: 'Chat beside a file on the same connection',
  fair: 'One flow of ours beside one kernel CUBIC flow',
  outage: 'After an outage: ms from the return of the path to the first message',
  cpu: 'CPU of the relay for each message of 200 bytes (one in, two out), and its datagrams',
  rebind: 'A NAT that forgets the client again and again',
}
const ORDER = ['udp', 'tcp', 'tcp-bbr', 'quic', 'enet', 'kcp', 'udx']
const NAMES: Readonly<Record<string, string>> = {
  udp: 'Palaver over UDP',
  tcp: 'Palaver over TCP (CUBIC)',
  'tcp-bbr': 'Palaver over TCP (BBR)',
  quic: 'QUIC (@matrixai/quic)',
  enet: 'ENet',
  kcp: 'KCP (node-kcp)',
  udx: 'UDX (udx-native)',
}
const MARK = '<!-- figures -->'
const END = '<!-- /figures -->'

/** Writes the charts, and the tables into README.md between its marks. Returns the tables. */
export function writeReport(store: FigureStore, folder: string): string {
  const tables = Object.keys(TITLES)
    .map((mode) => table(mode, inOrder(store.figures.filter((each) => each.mode === mode))))
    .filter((text) => text !== '')
    .join('\n')
  writeFileSync(join(folder, 'latency.svg'), chart(store.figures.filter(({ mode }) => mode === 'latency')))
  const path = join(folder, 'README.md')
  const before = existsSync(path) ? readFileSync(path, 'utf8') : `${MARK}\n${END}\n`
  const [head = ''] = before.split(MARK)
  const tail = before.split(END)[1] ?? '\n'
  writeFileSync(path, `${head}${MARK}\n\n${tables}\n${END}${tail}`)
  return tables
}

function inOrder(figures: readonly Figure[]): Figure[] {
  const rank = ({ contestant }: Figure): number => ORDER.indexOf(contestant)
  return figures.toSorted(
    (a, b) => Number.parseFloat(a.setting) - Number.parseFloat(b.setting) || rank(a) - rank(b),
  )
}

function table(mode: string, figures: readonly Figure[]): string {
  if (figures.length === 0) return ''
  const columns = [...new Set(figures.flatMap(({ values }) => Object.keys(values)))]
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  const lines = figures.map(({ setting, contestant, values, takenAt = '', commit = '' }) =>
    row([
      setting,
      NAMES[contestant] ?? contestant,
      ...columns.map((key) => values[key] ?? ''),
      takenAt,
      commit,
    ]),
  )
  const heads = ['setting', 'who', ...columns, 'taken at', 'commit']
  const machines = [...new Set(figures.map(({ machine }) => machine))].join('; ')
  return [
    `### ${TITLES[mode]}`,
    '',
    row(heads),
    row(heads.map(() => '---')),
    ...lines,
    '',
    machines,
    '',
  ].join('\n')
}

// ---- chart ------------------------------------------------------------------------------------

const WIDTH = 860
const HEIGHT = 380
const LEFT = 60
const BOTTOM = 320
const TOP = 50
const MS_MIN = 20
const MS_MAX = 2000
const TICKS = [25, 50, 100, 200, 500, 1000, 2000]
const COLOURS: Readonly<Record<string, string>> = {
  udp: '#0b7a4b',
  tcp: '#b3402a',
  'tcp-bbr': '#d98f2b',
  quic: '#5b53a6',
  enet: '#6b7280',
  kcp: '#a0498a',
  udx: '#2b7bb3',
}

/** Bars reach to the p99, thin lines to the p99.9; the scale is logarithmic. */
function chart(figures: readonly Figure[]): string {
  const settings = [...new Set(inOrder(figures).map(({ setting }) => setting))]
  const who = ORDER.filter((name) => figures.some(({ contestant }) => contestant === name))
  const group = (WIDTH - LEFT - 20) / Math.max(1, settings.length)
  const bar = (group * 0.8) / Math.max(1, who.length)
  const parts: string[] = TICKS.map(
    (ms) =>
      `<line x1="${LEFT}" x2="${WIDTH - 20}" y1="${y(ms)}" y2="${y(ms)}" stroke="#ddd"/>` +
      `<text x="${LEFT - 6}" y="${y(ms) + 4}" text-anchor="end">${ms}</text>`,
  )
  settings.forEach((setting, i) => {
    const x0 = LEFT + i * group + group * 0.1
    parts.push(`<text x="${x0 + group * 0.4}" y="${BOTTOM + 18}" text-anchor="middle">${setting} lost</text>`)
    who.forEach((name, k) => {
      const figure = figures.find((each) => each.setting === setting && each.contestant === name)
      if (figure) parts.push(column(figure, x0 + k * bar, bar))
    })
  })
  who.forEach((name, k) => {
    const x = LEFT + (k % 4) * 200
    const at = BOTTOM + 38 + Math.floor(k / 4) * 16
    parts.push(`<rect x="${x}" y="${at - 9}" width="10" height="10" fill="${COLOURS[name]}"/>`)
    parts.push(`<text x="${x + 15}" y="${at}">${NAMES[name]}</text>`)
  })
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" ` +
    `font-size="12"><title>One-way latency of chat, by packets lost</title><rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="${LEFT}" y="20" font-size="15">` +
    `One-way latency of chat in ms, 50 ms round trip: bars p99, lines p99.9</text>` +
    `<text x="${LEFT}" y="37" fill="#555">100 messages/s of 200 bytes in 10 rooms; logarithmic</text>` +
    `${parts.join('\n')}</svg>\n`
  )
}

function column({ contestant, values }: Figure, x: number, width: number): string {
  const colour = COLOURS[contestant]
  const top = y(values['p99'] ?? MS_MIN)
  const middle = (x + width * 0.4).toFixed(1)
  const box = `x="${x.toFixed(1)}" y="${top}" width="${(width * 0.8).toFixed(1)}" height="${BOTTOM - top}"`
  const line = `x1="${middle}" x2="${middle}" y1="${top}" y2="${y(values['p999'] ?? MS_MIN)}"`
  return `<rect ${box} fill="${colour}"/><line ${line} stroke="${colour}" stroke-width="2"/>`
}

function y(ms: number): number {
  const share = Math.log(Math.min(MS_MAX, Math.max(MS_MIN, ms)) / MS_MIN) / Math.log(MS_MAX / MS_MIN)
  return Math.round(BOTTOM - share * (BOTTOM - TOP))
}
