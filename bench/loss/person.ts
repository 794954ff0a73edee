/**
 * A person of the measurement, in a process and a namespace of its own: opens a session, joins the rooms,
 * talks, and keeps the one-way latency of everything that others sent.
 */
import { ClientConnection, identityOfSeed, systemEntropy, udpTransport } from '../../src/node/index.ts'
import { tcpTransport } from '../../src/transport/index.ts'
import { type Order, type PersonPlan, type Report, Schedule, Sightings, stamp, tell } from './talk.ts'

const PART_BYTES = 16 * 1024
const PARTS_UNDER_WAY = 64

const plan = JSON.parse(process.argv[2] as string) as PersonPlan
const sightings = new Sightings()
/** Echoes of our own messages still to come. */
let underWay = 0

const connection = await ClientConnection.open({
  transport: plan.contestant === 'udp' ? udpTransport() : tcpTransport,
  address: { host: plan.host, port: plan.port },
  name: plan.name,
  identity: identityOfSeed(systemEntropy(32)),
  clientId: systemEntropy(8),
  agent: 'bench',
  timeoutMs: 20_000,
  redials: true,
  onEvent(event) {
    if (event.kind === 'closed') tell({ type: 'lost', text: event.text })
    if (event.kind !== 'message' || event.message.own) return
    const { body, conversation } = event.message
    if (body.length === plan.bodyBytes) sightings.see(conversation.number, body)
    else sightings.bulkBytes += body.length
  },
})
const rooms: number[] = []
for (let i = 0; i < plan.rooms; i++) {
  const { number } = await connection.request({ type: 'join', room: `room${i}`, options: 0 })
  rooms.push(number)
}
const { number: fileRoom } = await connection.request({ type: 'join', room: 'files', options: 0 })
tell({ type: 'ready' })

let isBulkOn = false

/** Sends parts of a file without end, as many under way as a program sends. */
function sendBulk(): void {
  if (!isBulkOn) return
  connection.send(fileRoom, 1, new Uint8Array(PART_BYTES)).then(sendBulk, () => {})
}

function talk(order: Extract<Order, { type: 'talk' }>): void {
  const schedule = new Schedule(order, (count) => {
    const room = rooms[count % rooms.length] as number
    underWay += 1
    const body = stamp(plan.bodyBytes, Math.floor(count / rooms.length))
    connection.send(room, 0, body).then(
      () => {
        underWay -= 1
      },
      () => {},
    )
  })
  schedule.run(() => tell({ type: 'said', count: schedule.count }))
}

process.on('message', (order: Order) => {
  if (order.type === 'talk') talk(order)
  if (order.type === 'bulk') {
    isBulkOn = order.on
    for (let i = 0; i < PARTS_UNDER_WAY; i++) sendBulk()
  }
  if (order.type === 'report') {
    const { packetsSent, packetsReceived } = connection.linkStats ?? {}
    const report: Report = { ...sightings.report(), underWay, packetsSent, packetsReceived }
    tell({ type: 'report', ...report })
  }
})
process.on('disconnect', () => process.exit(0))
