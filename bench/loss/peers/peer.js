/**
 * What the peers share: the sender talks in some conversations, the receiver times what comes and, as a relay
 * does, sends each message back.
 */
import { Schedule, Sightings, stamp, tell } from '../talk.ts'

const CONVERSATION_AT = 12

/** Where everything happens. */
const [role, senderHost, receiverHost, bodyBytesText, conversationsText] = process.argv.slice(2)
export const HOSTS = { sender: senderHost, receiver: receiverHost }
export const BODY_BYTES = Number(bodyBytesText)
export const CONVERSATIONS = Number(conversationsText)
export const PORT = 7667

/**
 * Runs the role of the command line. `way.receive(onBody)` and `way.send(onBody)` resolve, when the link is
 * open, with a function that sends a body in a conversation.
 */
export async function runPeer(way) {
  const sightings = new Sightings()
  let underWay = 0
  if (role === 'receiver') {
    await way.receive((body, answer) => {
      sightings.see(body[CONVERSATION_AT], body)
      answer(body)
    })
    tell({ type: 'ready' })
  }
  const send = role === 'sender' ? await way.send(() => underWay--) : undefined
  if (send) tell({ type: 'ready' })
  process.on('message', (order) => {
    if (order.type === 'report') tell({ type: 'report', ...sightings.report(), underWay })
    if (order.type !== 'talk') return
    const schedule = new Schedule(order, (count) => {
      const conversation = count % CONVERSATIONS
      const body = stamp(BODY_BYTES, Math.floor(count / CONVERSATIONS))
      body[CONVERSATION_AT] = conversation
      underWay++
      send(conversation, body)
    })
    schedule.run(() => tell({ type: 'said', count: schedule.count }))
  })
  process.on('disconnect', () => process.exit(0))
}

/** Cuts a stream into bodies of the one size there is. */
export function bodiesOf(onBody) {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    for (; rest.length >= BODY_BYTES; rest = rest.subarray(BODY_BYTES)) onBody(rest.subarray(0, BODY_BYTES))
  }
}
