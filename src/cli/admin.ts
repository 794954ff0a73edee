/** `palaver admin`: looks into a relay that runs on this machine, and moderates it. */
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { TransportError } from '../base/errors.ts'
import { ERROR_INFO, type ErrorName } from '../codec/generated/registry.ts'
import { ADMIN_PORT, groupedFingerprint } from '../node/address.ts'
import { nearestOf } from '../node/nearest.ts'
import { readFileIfAny, stateFolder } from '../node/private-file.ts'
import { transportErrorOf } from '../transport/errors.ts'
import type { Arguments, CommandSpec } from './args.ts'
import { CliError, EXIT, usageError } from './exit.ts'
import { columns } from './listing.ts'
import { sizeText, writeJson, writeLine } from './output.ts'
import { printable } from './printable.ts'
import { readToken } from './token.ts'
import { parseCount, parseDuration, parseSeconds } from './units.ts'

const ANSWER_BYTES_MAX = 32 * 1024 * 1024
const LIMIT_MAX = 0xffffffff

/** What the command line is checked against. */
export const SPEC: CommandSpec = {
  name: 'admin',
  summary: 'look into a relay that runs on this machine, and moderate it',
  usage: ['palaver admin status|sessions|rooms|announce|limit|kick|ban|unban [ARGUMENTS] [OPTIONS]'],
  examples: [
    ['palaver admin status', 'sessions, rooms, bytes, memory'],
    ['palaver admin sessions', 'who is connected, from where'],
    ['palaver admin limit 10 -r lobby', 'at most ten members in #lobby'],
    ['palaver admin limit 500', 'at most 500 sessions on the relay'],
    ['palaver admin kick bob -r lobby', 'put bob out of #lobby'],
    ['palaver admin ban bob=2h', 'keep bob off the relay for two hours'],
    ['palaver admin unban bob', 'let bob in again'],
    ['palaver admin announce "back at noon"', 'tell everybody'],
  ],
  options: {
    room: { short: 'r', value: 'ROOM', help: 'act on this room, not on the relay' },
    reason: { value: 'TEXT', help: 'told to whom it concerns (kick, ban)' },
    url: {
      value: 'URL',
      help: `the administration (PALAVER_ADMIN_URL; default http://127.0.0.1:${ADMIN_PORT})`,
    },
    data: { value: 'DIR', help: 'the data folder of the relay, where its admin.token is' },
    'token-file': { value: 'FILE', help: "the administration's token" },
    timeout: { value: 'DURATION', help: 'for the answer (default 5s)' },
  },
}

type Fields = Readonly<Record<string, unknown>>

interface Order {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Fields
}

/** Runs the command; resolves with the exit code. */
export async function run(args: Arguments): Promise<number> {
  const [action, ...rest] = args.positionals
  const order = orderOf(action, rest, args)
  const answer = await ask(order, args)
  show(action as string, answer, args.has('json'))
  return 0
}

const ACTIONS: readonly string[] = [
  'status',
  'sessions',
  'rooms',
  'announce',
  'limit',
  'kick',
  'ban',
  'unban',
]

function orderOf(action: string | undefined, rest: readonly string[], args: Arguments): Order {
  if (action === undefined) throw usageError('what is to be done?', `one of: ${ACTIONS.join(', ')}`)
  const room = args.text('room')
  const reason = args.text('reason')
  const about = { ...(room === undefined ? {} : { room }), ...(reason === undefined ? {} : { reason }) }
  switch (action) {
    case 'status':
    case 'sessions':
    case 'rooms':
      if (rest.length > 0) throw usageError(`admin ${action} takes no "${rest[0]}"`)
      return { method: 'GET', path: `/v1/${action}` }
    case 'announce':
      return post(action, { text: one(rest.join(' '), 'TEXT') })
    case 'limit':
      return post(action, { ...about, limit: parseCount(one(rest[0], 'N'), 'limit', 1, LIMIT_MAX) })
    case 'kick':
    case 'unban':
      return post(action, { ...about, name: one(rest[0], 'NICK') })
    case 'ban': {
      const [name = '', duration] = one(rest[0], 'NICK').split('=')
      return post(action, {
        ...about,
        name,
        seconds: duration === undefined ? 0 : parseSeconds(duration, 'ban'),
      })
    }
    default: {
      const nearest = nearestOf(action, ACTIONS)
      throw usageError(
        `admin cannot ${action}`,
        nearest === undefined ? `it can ${ACTIONS.join(', ')}` : `did you mean ${nearest}?`,
      )
    }
  }
}

function post(action: string, body: Fields): Order {
  return { method: 'POST', path: `/v1/${action}`, body }
}

function one(word: string | undefined, what: string): string {
  if (word === undefined || word === '') throw usageError(`${what} is missing`, 'see: palaver admin --help')
  return word
}

// ---- asking -----------------------------------------------------------------------------------

async function ask(order: Order, args: Arguments): Promise<Fields> {
  const url = adminUrl(args)
  const timeoutMs = parseDuration(args.text('timeout') ?? '5s', '--timeout')
  const { status, text } = await exchange(new URL(order.path, url), order, adminToken(args), timeoutMs)
  const answer = parsed(text)
  if (status === 200) return answer
  throw refusalOf(status, answer)
}

function adminUrl(args: Arguments): URL {
  const text = args.text('url') ?? (process.env['PALAVER_ADMIN_URL'] || `http://127.0.0.1:${ADMIN_PORT}`)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:')
    throw usageError(`--url ${text}: an address such as http://127.0.0.1:${ADMIN_PORT}`)
  return url
}

function adminToken(args: Arguments): string {
  const file = args.text('token-file')
  if (file !== undefined) return readToken(file)
  const path = join(args.text('data') ?? stateFolder(), 'admin.token')
  const token = readFileIfAny(path)
  if (token === undefined)
    throw new CliError(
      EXIT.refused,
      'no_token',
      `there is no token in ${path}`,
      'has a relay run here? name its folder with --data DIR',
    )
  return token.trim()
}

interface Reply {
  readonly status: number
  readonly text: string
}

function exchange(url: URL, order: Order, token: string, timeoutMs: number): Promise<Reply> {
  const doing = `reach the administration at ${url.origin}`
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const request = httpRequest(url, { method: order.method, headers, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        length += chunk.length
        if (length > ANSWER_BYTES_MAX) request.destroy(new Error('the answer is too large'))
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    request.on('timeout', () => request.destroy(new TransportError('timeout', `cannot ${doing}: no answer`)))
    request.on('error', (error) =>
      reject(error instanceof TransportError ? error : transportErrorOf(error, doing)),
    )
    request.end(order.body === undefined ? undefined : JSON.stringify(order.body))
  })
}

function parsed(text: string): Fields {
  try {
    return JSON.parse(text) as Fields
  } catch {
    throw new CliError(EXIT.protocol, 'bad_answer', 'what answered is not the administration of a relay')
  }
}

function refusalOf(status: number, answer: Fields): CliError {
  const { code = 'unknown', message = '' } = (answer['error'] ?? {}) as { code?: string; message?: string }
  if (status === 401 || status === 421)
    return new CliError(
      EXIT.refused,
      code,
      message,
      'the token belongs to another relay? see --data and --token-file',
    )
  const info = Object.hasOwn(ERROR_INFO, code) ? ERROR_INFO[code as ErrorName] : undefined
  const exit = code === 'not_permitted' ? EXIT.refused : status === 404 ? EXIT.protocol : EXIT.usage
  return new CliError(exit, code, message || `status ${status}`, info?.hint ?? '')
}

// ---- showing ----------------------------------------------------------------------------------

function show(action: string, answer: Fields, json: boolean): void {
  switch (action) {
    case 'status':
      return json ? writeJson('status', answer) : showStatus(answer)
    case 'sessions':
      return showList('session', answer['sessions'] as Fields[], json, sessionRow)
    case 'rooms':
      return showList('room', answer['rooms'] as Fields[], json, roomRow)
    default:
      return json ? writeJson('done', { action }) : undefined
  }
}

function showStatus(status: Fields): void {
  const text = (name: string): string => printable(String(status[name]))
  const rows = [
    ['relay', `${text('name')}  palaver ${text('version')}`],
    ['fingerprint', groupedFingerprint(text('fingerprint'))],
    ['listening', (status['listening'] as string[]).map(printable).join('  ')],
    ['running', durationText(Number(status['uptimeSeconds']))],
    ['sessions', `${text('sessions')} of ${text('sessionsMax')}`],
    ['rooms', text('rooms')],
    ['links', text('links')],
    ['received', sizeText(Number(status['bytesReceived']))],
    ['sent', sizeText(Number(status['bytesSent']))],
    ['memory', sizeText(Number(status['memoryBytes']))],
  ]
  for (const line of columns(rows)) writeLine(line)
}

function showList(
  type: string,
  items: readonly Fields[],
  json: boolean,
  row: (item: Fields) => string[],
): void {
  if (json) for (const item of items) writeJson(type, item)
  else for (const line of columns(items.map(row))) writeLine(line)
}

function sessionRow(session: Fields): string[] {
  const { name, transport, address, rooms, waitingBytes, datagrams } = session
  const waiting = Number(waitingBytes) > 0 ? `${sizeText(Number(waitingBytes))} waiting` : ''
  const place = [String(transport), printable(String(address))]
  return [printable(String(name)), ...place, `${rooms} rooms`, pathText(datagrams as Fields), waiting]
}

/** How the packets fare that the relay sends on a link over UDP. */
function pathText(datagrams: Fields | undefined): string {
  if (datagrams === undefined) return ''
  const { rttMsSmoothed, packetsLost, packetsSent } = datagrams
  return `RTT ${Number(rttMsSmoothed).toFixed(1)} ms, ${packetsLost} of ${packetsSent} packets lost`
}

function roomRow(room: Fields): string[] {
  const { name, count, limit, locked, permanent, topic } = room
  const flags = [locked === true ? 'locked' : '', permanent === true ? 'permanent' : ''].filter(
    (each) => each !== '',
  )
  return [`#${printable(String(name))}`, `${count}/${limit}`, flags.join(','), printable(String(topic))]
}

function durationText(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days} d ${hours} h`
  return hours > 0
    ? `${hours} h ${minutes} min`
    : minutes > 0
      ? `${minutes} min ${seconds % 60} s`
      : `${seconds} s`
}
