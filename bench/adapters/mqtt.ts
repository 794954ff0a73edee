/**
 * MQTT 3.1.1: mosquitto, and aedes on Node. QoS 0, or QoS 1 into a waiting session where messages must last.
 */
import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import { hasProgram, type Launch, type Place } from '../server.ts'
import { npmPeer } from './npm.ts'

const CONNECT = 0x10
const PUBLISH = 0x30
const QOS_1 = 0x02
const SUBSCRIBE = 0x82
const PACKET_ID_BYTES = 2
/** The first two bytes of every PUBACK; two bytes of packet number follow. */
const PUBACK = Uint8Array.of(0x40, 2)

export function mosquitto(isDurable: boolean): Peer {
  return {
    ...mqttPeer(isDurable ? 'mosquitto-qos1' : 'mosquitto', isDurable),
    missing: () => (hasProgram('mosquitto') ? undefined : 'mosquitto'),
    launch: (place) => launchMosquitto(place, isDurable),
    ...(isDurable ? { prepare } : {}),
  }
}

export const aedes: Peer = { ...mqttPeer('aedes', false), ...npmPeer('aedes.mjs') }

function mqttPeer(name: string, isDurable: boolean): Omit<Peer, 'missing' | 'launch'> {
  return {
    name,
    isDurable,
    hasEcho: true,
    client: (party, wire) => new MqttClient(party, wire, isDurable),
  }
}

function launchMosquitto({ port, folder, file }: Place, isDurable: boolean): Launch {
  const config = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'max_queued_messages 0',
    'max_inflight_messages 0',
    'set_tcp_nodelay true',
    'log_type none',
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    ...(isDurable ? ['persistence true', `persistence_location ${folder}/`] : []),
  ]
  return { command: 'mosquitto', args: ['-c', file('mosquitto.conf', `${config.join('\n')}\n`)] }
}

/** A packet: type, length in groups of seven bits, and the rest. */
function packet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const rest = Buffer.concat(parts)
  const head = [type]
  let left = rest.length
  do {
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>= 7
  } while (left > 0)
  return Buffer.concat([Uint8Array.from(head), rest])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length), bytes])
}

function connectPacket(client: string, isClean: boolean): Buffer {
  return packet(CONNECT, text('MQTT'), Uint8Array.of(4, isClean ? 2 : 0, 0, 0), text(client))
}

function subscribePacket(topic: string, qos: number): Buffer {
  return packet(SUBSCRIBE, Uint8Array.of(0, 1), text(topic), Uint8Array.of(qos))
}

/** A session that went away after subscribing: its messages must be kept. */
async function prepare(wire: Wire): Promise<void> {
  wire.write(connectPacket('absent', false))
  await wire.read()
  wire.write(subscribePacket('d/#', 1))
  await wire.read()
  wire.write(packet(0xe0))
}

class MqttClient implements Client {
  readonly #party: Party
  readonly #wire: Wire
  readonly #isDurable: boolean

  constructor(party: Party, wire: Wire, isDurable: boolean) {
    this.#party = party
    this.#wire = wire
    this.#isDurable = isDurable
  }

  async login(): Promise<void> {
    this.#wire.write(connectPacket(this.#party.name, true))
    await this.#wire.read()
  }

  async join(): Promise<void> {
    if (this.#isDurable) return
    const { room, name } = this.#party
    this.#wire.write(subscribePacket(room ?? name, 0))
    await this.#wire.read()
  }

  publication(body: Uint8Array): Publication {
    const { room, partner, name } = this.#party
    if (!this.#isDurable) return { message: packet(PUBLISH, text(room ?? (partner as string)), body) }
    const message = packet(PUBLISH | QOS_1, text(`d/${name}`), Uint8Array.of(0, 0), body)
    const at = message.length - body.length - PACKET_ID_BYTES
    return { message, counter: { at, bytes: PACKET_ID_BYTES, from: 1 }, replyMarker: PUBACK }
  }
}
