/**
 * A relay's administration over HTTP, for this machine only: JSON, a bearer token, and orders that are the
 * same functions as those of operators' frames (spec chapter 8).
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { equalSecrets, utf8Bytes } from '../base/bytes.ts'
import { UsageError } from '../base/errors.ts'
import type { Address } from '../base/machine.ts'
import { ERROR_INFO, type ErrorName, LIMITS } from '../codec/generated/registry.ts'
import { normalizeRoomName } from '../protocol/names.ts'
import type { Conversation } from '../protocol/relay/conversation.ts'
import { addressText } from '../protocol/relay/link.ts'
import {
  ADMINISTRATION,
  announce,
  banFromRelay,
  banFromRoom,
  kickFromRelay,
  kickFromRoom,
  setMemberLimit,
  setSessionLimit,
  unbanFromRelay,
  unbanFromRoom,
} from '../protocol/relay/moderation.ts'
import { showAddress, transportErrorOf } from '../transport/errors.ts'
import { hostPort, isLoopback, relayFingerprint } from './address.ts'
import { monotonicNow } from './clock.ts'
import type { LinkWorkers, WorkersReport } from './link-workers.ts'
import { systemEntropy } from './primitives.ts'
import { createFile, makePrivate, readFileIfAny } from './private-file.ts'
import type { RelayServer, ServerLink } from './relay-server.ts'

const BODY_BYTES_MAX = 64 * 1024
const REQUEST_MS = 5000
const CONNECTIONS_MAX = 64
const TOKEN_BYTES = 24
const SESSIONS_SHOWN = 10_000
const ROOMS_SHOWN = 10_000

export interface AdminOptions {
  readonly server: RelayServer
  /** Who carries the links, when that is not the server's own process. */
  readonly workers?: Pick<LinkWorkers, 'report'> | undefined
  readonly relayName: string
  readonly version: string
  readonly token: string
  /** Where the relay listens, as people write it. */
  readonly listening: readonly string[]
}

/** The administration's token in the file, made when there is none. */
export function adminToken(path: string): string {
  if (readFileIfAny(path) === undefined)
    createFile(path, `${Buffer.from(systemEntropy(TOKEN_BYTES)).toString('base64url')}\n`)
  makePrivate(path)
  return (readFileIfAny(path) ?? '').trim()
}

/** Listens on loopback; resolves with the address and a way to stop. Rejects with a TransportError. */
export async function listenAdmin(
  at: Address,
  options: AdminOptions,
): Promise<{ readonly address: Address; close(): void }> {
  if (!isLoopback(at.host))
    throw new UsageError('bad_address', `the administration listens on this machine only, not on ${at.host}`)
  const admin = new Administration(options)
  const server = createServer((request, response) => admin.handle(request, response))
  server.requestTimeout = REQUEST_MS
  server.headersTimeout = REQUEST_MS
  server.maxConnections = CONNECTIONS_MAX
  const address = await bound(server, at)
  admin.hosts = new Set([
    hostPort(at.host, address.port),
    `localhost:${address.port}`,
    `127.0.0.1:${address.port}`,
  ])
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { address, close }
}

function bound(server: Server, at: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(transportErrorOf(error, `listen on http://${showAddress(at)}`)))
    server.listen(at.port, at.host, () =>
      resolve({ host: at.host, port: (server.address() as { port: number }).port }),
    )
  })
}

/** An answer: status and body. */
interface Answer {
  readonly status: number
  readonly body: unknown
}

type Body = Readonly<Record<string, unknown>>
type Room = Conversation<ServerLink>

class Administration {
  /**
   * What the Host header may say: a page of another origin whose name was rebound to this machine says its
   * own.
   */
  hosts: ReadonlySet<string> = new Set()
  readonly #options: AdminOptions
  readonly #tokenDigest: Uint8Array
  /** What the workers said last. */
  #report: WorkersReport | undefined

  constructor(options: AdminOptions) {
    this.#options = options
    this.#tokenDigest = digest(options.token)
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= BODY_BYTES_MAX) chunks.push(chunk)
      // What follows is read and dropped, for as long as a request may take: then the answer arrives.
      else if (!response.headersSent) reply(response, refusal(413, 'body_too_large', 'the body is too large'))
    })
    request.on('end', () => {
      if (response.headersSent) return
      if (request.method === 'POST') return void this.#obey(request, Buffer.concat(chunks), response)
      if (!this.#options.workers) return reply(response, this.#answer(request, Buffer.concat(chunks)))
      void this.#options.workers.report().then((report) => {
        this.#report = report
        reply(response, this.#answer(request, Buffer.concat(chunks)))
      })
    })
    request.on('error', () => {})
  }

  /** An order is done when it is kept: a kill right after the answer does not undo it. */
  async #obey(request: IncomingMessage, bytes: Buffer, response: ServerResponse): Promise<void> {
    const answer = this.#answer(request, bytes)
    if (answer.status !== 200) return reply(response, answer)
    await this.#options.server.settle().then(
      () => reply(response, answer),
      () => reply(response, refusedBy('storage_failed')),
    )
  }

  #answer(request: IncomingMessage, bytes: Buffer): Answer {
    const path = (request.url ?? '').split('?')[0] ?? ''
    if (!this.hosts.has(request.headers.host ?? ''))
      return refusal(421, 'bad_host', 'that is not the name of this server')
    if (path === '/healthz') return { status: 200, body: { status: 'ok' } }
    if (!this.#isAuthorized(request)) return refusal(401, 'not_authorized', 'the token is missing or wrong')
    if (request.method === 'GET') return this.#show(path)
    if (request.method !== 'POST') return refusal(405, 'bad_method', 'use GET or POST')
    const body = jsonObject(bytes)
    return body ? this.#order(path, body) : refusal(400, 'bad_body', 'the body is not a JSON object')
  }

  #isAuthorized(request: IncomingMessage): boolean {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ')
    return scheme?.toLowerCase() === 'bearer' && equalSecrets(digest(token), this.#tokenDigest)
  }

  // ---- what is shown --------------------------------------------------------------------------

  #show(path: string): Answer {
    switch (path) {
      case '/v1/status':
        return { status: 200, body: this.#status() }
      case '/v1/sessions':
        return { status: 200, body: { sessions: this.#sessions() } }
      case '/v1/rooms':
        return { status: 200, body: { rooms: this.#rooms() } }
      default:
        return refusal(404, 'not_found', 'there is nothing of that name')
    }
  }

  #status(): Body {
    const { server, relayName, version, listening } = this.#options
    const { hub } = server.core
    return {
      name: relayName,
      version,
      fingerprint: relayFingerprint(server.relayKey),
      listening,
      startedAt: new Date(server.startedAtMs).toISOString(),
      uptimeSeconds: Math.floor((Date.now() - server.startedAtMs) / 1000),
      sessions: hub.sessions.size,
      sessionsMax: hub.limits.sessions,
      rooms: hub.rooms.size,
      links: hub.links.size,
      bytesReceived: server.bytesReceived,
      bytesSent: server.bytesSent,
      memoryBytes: process.memoryUsage.rss() + (this.#report?.memoryBytes ?? 0),
    }
  }

  #sessions(): Body[] {
    const sessions: Body[] = []
    for (const session of this.#options.server.core.hub.sessions.values()) {
      if (sessions.length === SESSIONS_SHOWN) break
      const { name, keyHex, role, link, roomCount, directCount } = session
      const { transport } = link.info
      const address = addressText(link.info)
      sessions.push({
        name,
        key: keyHex,
        role,
        transport,
        address,
        rooms: roomCount,
        directs: directCount,
        waitingBytes: link.queuedBytes,
        datagrams: link.owner.stats,
      })
    }
    return sessions
  }

  #rooms(): Body[] {
    const rooms: Body[] = []
    for (const room of this.#options.server.core.hub.rooms.values()) {
      if (rooms.length === ROOMS_SHOWN) break
      const { members, memberLimit: limit, topic, locked, seq, nature, bans } = room
      const name = 'name' in nature ? nature.name : ''
      const permanent = 'permanent' in nature && nature.permanent
      rooms.push({
        name,
        count: members.length,
        limit,
        topic,
        locked,
        permanent,
        entries: seq,
        bans: bans.size,
      })
    }
    return rooms
  }

  // ---- what is done ---------------------------------------------------------------------------

  #order(path: string, body: Body): Answer {
    const { server } = this.#options
    const room = this.#room(body)
    if (room === null) return refusedBy('no_such_room')
    server.core.hub.setTime(monotonicNow())
    const refused = this.#carryOut(path, body, room)
    if (refused === 'not_found') return refusal(404, 'not_found', 'there is no such order')
    return refused === undefined ? { status: 200, body: { done: true } } : refusedBy(refused)
  }

  /** The room that the order names: undefined for the relay itself, null when there is none of that name. */
  #room(body: Body): Room | undefined | null {
    const { room } = body
    if (room === undefined) return undefined
    const name = typeof room === 'string' ? normalizeRoomName(room.replace(/^#/u, '')) : undefined
    return (name && this.#options.server.core.hub.rooms.get(name.folded)) ?? null
  }

  #carryOut(path: string, body: Body, room: Room | undefined): ErrorName | undefined | 'not_found' {
    const { hub } = this.#options.server.core
    const name = text(body['name'], LIMITS.nameBytes)
    switch (path) {
      case '/v1/announce': {
        const notice = text(body['text'], LIMITS.noticeBytes)
        return notice ? announce(hub, ADMINISTRATION, notice) : 'bad_value'
      }
      case '/v1/limit': {
        const limit = count(body['limit'])
        if (limit === undefined) return 'bad_value'
        return room
          ? setMemberLimit(hub, room, ADMINISTRATION, limit)
          : setSessionLimit(hub, ADMINISTRATION, limit)
      }
      case '/v1/kick':
        return this.#kick(name, body, room)
      case '/v1/ban':
        return this.#ban(name, body, room)
      case '/v1/unban':
        if (!name) return 'bad_value'
        return room
          ? unbanFromRoom(hub, room, ADMINISTRATION, name)
          : unbanFromRelay(hub, ADMINISTRATION, name)
      default:
        return 'not_found'
    }
  }

  #kick(name: string | undefined, body: Body, room: Room | undefined): ErrorName | undefined {
    const { hub } = this.#options.server.core
    const reason = text(body['reason'] ?? '', LIMITS.textBytes)
    if (!name || reason === undefined) return 'bad_value'
    const order = { name, reason }
    return room ? kickFromRoom(hub, room, ADMINISTRATION, order) : kickFromRelay(hub, ADMINISTRATION, order)
  }

  #ban(name: string | undefined, body: Body, room: Room | undefined): ErrorName | undefined {
    const { hub } = this.#options.server.core
    const reason = text(body['reason'] ?? '', LIMITS.textBytes)
    const seconds = count(body['seconds'] ?? 0)
    if (!name || reason === undefined || seconds === undefined) return 'bad_value'
    const order = { name, reason, seconds }
    return room ? banFromRoom(hub, room, ADMINISTRATION, order) : banFromRelay(hub, ADMINISTRATION, order)
  }
}

function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest()
}

function text(value: unknown, bytesMax: number): string | undefined {
  return typeof value === 'string' && utf8Bytes(value).length <= bytesMax ? value : undefined
}

function count(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff
    ? (value as number)
    : undefined
}

function jsonObject(bytes: Buffer): Body | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8') || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined
  } catch {
    return undefined
  }
}

function refusal(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } }
}

function refusedBy(code: ErrorName): Answer {
  return refusal(409, code, ERROR_INFO[code].summary)
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(`${JSON.stringify(body)}\n`)
}
