/** QUIC (quiche) through js-quic: a bidirectional stream for each conversation. */
import { execFileSync } from 'node:child_process'
import { createHmac, randomFillSync, timingSafeEqual } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Logger, { LogLevel } from '@matrixai/logger'
import { events, QUICClient, QUICServer } from '@matrixai/quic'
import { bodiesOf, CONVERSATIONS, HOSTS, PORT, runPeer } from './peer.js'

const IDLE_MS = 120_000
const logger = new Logger('quic', LogLevel.ERROR)

/** A certificate for this run. */
function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'palaver-quic-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=relay']
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  return made
}

const randomBytes = async (into) => void randomFillSync(new Uint8Array(into))
const mac = (key, data) => createHmac('sha256', Buffer.from(key)).update(Buffer.from(data)).digest()

async function receive(onBody) {
  const key = new Uint8Array(32).fill(7).buffer
  const server = new QUICServer({
    crypto: {
      key,
      ops: {
        sign: async (secret, data) => new Uint8Array(mac(secret, data)).buffer,
        verify: async (secret, data, tag) => timingSafeEqual(mac(secret, data), Buffer.from(tag)),
        randomBytes,
      },
    },
    config: { ...certificate(), verifyPeer: false, maxIdleTimeout: IDLE_MS },
    logger,
  })
  server.addEventListener(events.EventQUICServerConnection.name, ({ detail: connection }) =>
    connection.addEventListener(events.EventQUICConnectionStream.name, ({ detail: stream }) =>
      serve(stream, onBody),
    ),
  )
  await server.start({ host: HOSTS.receiver, port: PORT })
}

async function serve(stream, onBody) {
  const writer = stream.writable.getWriter()
  const answer = (body) => writer.write(Uint8Array.from(body)).catch(() => {})
  await read(
    stream,
    bodiesOf((body) => onBody(body, answer)),
  )
}

async function read(stream, take) {
  const reader = stream.readable.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    take(value)
  }
}

async function send(onBody) {
  const client = await QUICClient.createQUICClient({
    host: HOSTS.receiver,
    port: PORT,
    localHost: HOSTS.sender,
    crypto: { ops: { randomBytes } },
    config: { verifyPeer: false, maxIdleTimeout: IDLE_MS },
    logger,
  })
  const writers = Array.from({ length: CONVERSATIONS }, () => {
    const stream = client.connection.newStream()
    void read(stream, bodiesOf(onBody))
    return stream.writable.getWriter()
  })
  return (conversation, body) => void writers[conversation].write(Uint8Array.from(body)).catch(() => {})
}

await runPeer({ receive, send })
