/** Targets in the session layer: raw bytes to a relay and to a client, in each of their states. */
import { assert } from '../src/base/index.ts'
import { decodeFrame, encodeFrame, type Frame, LIMITS, type RelayState } from '../src/codec/index.ts'
import { authFor, challengeOf, HELLO, openRaw, readyFor } from '../test/protocol/raw-handshake.ts'
import { type TestClient, type Wire, World } from '../test/protocol/world.ts'

/** Executions with one relay before a fresh one is made. */
const EXECUTIONS_PER_WORLD = 500

class RelayTarget {
  readonly world = new World({ limits: { outboundBytes: 200_000 } })
  readonly witness: TestClient
  count = 0

  constructor() {
    this.witness = this.world.connect('witness')
    this.witness.join('hall')
  }

  /** The link for one execution, in the state that the first byte says. */
  linkIn(first: number): Wire {
    if (first % 4 === 0) return this.world.open()
    if (first % 4 === 1) return this.world.open().send(HELLO)
    const wire = openRaw(this.world, 'fuzzer')
    if (first % 4 === 3) wire.send({ type: 'join', request: 1, room: 'hall', options: 0 })
    return wire
  }
}

let relay = new RelayTarget()

/** A relay fed in pieces on one link: it stays alive, sends sound frames only, and others do not notice. */
export function fuzzRelay(bytes: Uint8Array): void {
  relay.count += 1
  if (relay.count > EXECUTIONS_PER_WORLD) relay = new RelayTarget()
  const { world, witness } = relay
  const wire = relay.linkIn(bytes[0] ?? 0)
  world.settle()
  const cut = bytes[1] ?? 1
  wire.deliver(bytes.slice(2, 2 + cut))
  world.settle()
  wire.deliver(bytes.slice(2 + cut))
  // Wire.take decodes everything the relay sends and throws at a fault.
  world.settle()
  assert(wire.link.queuedBytes <= world.relay.hub.limits.outboundBytes, 'what waits is bounded')
  const state: RelayState = wire.link.state
  assert(state !== 'closed' || wire.isFinished, 'a closed link is finished')
  const ping = witness.session.state === 'open'
  assert(ping, 'the witness goes on')
  wire.cut()
  world.settle()
  wire.frames.length = 0
  world.wires.splice(world.wires.indexOf(wire), 1)
  world.relayEvents.length = 0
  witness.wire.frames.length = 0
  witness.wire.raw.length = 0
  witness.events.length = 0
  if (witness.session.conversations.size === 0) relay = new RelayTarget()
}

/** A client fed in pieces by a relay that may be hostile. */
export function fuzzClient(bytes: Uint8Array): void {
  const world = new World()
  const client = world.dial('alice')
  const { session } = client
  const first = (bytes[0] ?? 0) % 3
  if (first > 0) reachReady(world, client, first === 2)
  const cut = bytes[1] ?? 1
  session.handleBytes(0, bytes.slice(2, 2 + cut), world.now)
  session.handleBytes(0, bytes.slice(2 + cut), world.now)
  for (let item = session.pollTransmit(world.now); item; item = session.pollTransmit(world.now))
    assert(item.bytes.length <= LIMITS.frameBytes + 4, 'a client sends frames of a legal size')
  let closed = 0
  for (let event = session.pollEvent(); event; event = session.pollEvent())
    if (event.kind === 'closed') closed += 1
  assert(closed === (session.state === 'closed' ? 1 : 0), 'the end is told exactly once')
  assert(session.queuedBytes === 0, 'nothing is left over')
}

function reachReady(world: World, { session }: TestClient, isOpen: boolean): void {
  const hello = session.pollTransmit(world.now)?.bytes.slice(4) ?? new Uint8Array(0)
  const challenge = challengeOf(world)
  session.handleBytes(0, encodeFrame(challenge), world.now)
  if (!isOpen) return
  const auth = decodeFrame(session.pollTransmit(world.now)?.bytes ?? new Uint8Array(0), 4)
  session.handleBytes(
    0,
    encodeFrame(readyFor(world, hello, challenge, auth as Extract<Frame, { type: 'auth' }>)),
    world.now,
  )
  assert(session.state === 'open', 'the session opens')
}

/**
 * Auth with fuzzed name and token, correctly signed: behind the signature the relay must not trust either.
 */
export function fuzzAuth(bytes: Uint8Array): void {
  relay.count += 1
  if (relay.count > EXECUTIONS_PER_WORLD) relay = new RelayTarget()
  const { world } = relay
  const wire = world.open().send(HELLO)
  const [challenge] = wire.framesOf('challenge')
  const name = new TextDecoder().decode(bytes).slice(0, 32) || 'x'
  wire.send(authFor(world, HELLO, challenge as Extract<Frame, { type: 'challenge' }>, name))
  world.settle()
  const answer = wire.frames.at(-1)?.type
  assert(answer === 'ready' || answer === 'close', 'auth is answered by ready or close')
  wire.cut()
  world.settle()
  world.wires.splice(world.wires.indexOf(wire), 1)
}
