/** The annotated session of chapter 2 and the handshake example of chapter 5, made from the registry. */
import { computeHandshake, type HandshakeInput, type HandshakeOutput, publicKeyOf } from './handshake.ts'
import { type FieldEntry, limitValue, type Registry } from './registry.ts'
import {
  arrayHeader,
  bigEndian,
  encodeElement,
  encodeField,
  encodeFrame,
  frameNamed,
  int,
  toHex,
  toJson,
  utf8,
  type WireRecord,
  type WireValue,
} from './wire.ts'

/** The generated parts that hold the examples. */
export function exampleParts(registry: Registry): [string, string][] {
  const session = exampleSession(registry)
  return [
    ['session-example', session.steps.map((step) => stepText(registry, step)).join('\n\n')],
    ...STEP_NAMES.map((name, index): [string, string] => {
      const step = session.steps[index]
      if (!step) throw new Error(`the example session has no step for ${name}`)
      return [`session-${name}`, dumpText(registry, step)]
    }),
    ['handshake-example', handshakeText(session.input, session.output)],
  ]
}

/** The steps of the session as the guides show them, one by one. */
const STEP_NAMES = [
  'hello',
  'challenge',
  'auth',
  'ready',
  'join',
  'joined',
  'send',
  'message',
  'close',
] as const

interface Step {
  readonly title: string
  readonly frames: readonly WireRecord[]
}

interface ExampleSession {
  readonly steps: readonly Step[]
  readonly input: HandshakeInput
  readonly output: HandshakeOutput
}

const TIME = Date.UTC(2026, 10, 20, 12)

/** `count` bytes that count up from `first`: easy to recognise in a dump. */
export function countingBytes(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (first + index) & 0xff)
}

function exampleSession(registry: Registry): ExampleSession {
  const opening = openingFrames(registry)
  const input: HandshakeInput = {
    clientSeed: countingBytes(0x00, 32),
    relaySeed: countingBytes(0x20, 32),
    binding: new Uint8Array(0),
    hello: encode(registry, opening.hello),
    challenge: encode(registry, opening.challenge),
    name: 'alice',
    clientId: countingBytes(0xa0, 8),
    token: '',
    session: countingBytes(0xb0, 16),
    nameGiven: 'alice',
  }
  const output = computeHandshake(input)
  const steps: Step[] = [
    { title: 'Alice opens the link and says what she speaks:', frames: [opening.hello] },
    { title: 'The relay chooses version 1 and shows its key:', frames: [opening.challenge] },
    { title: 'Alice claims a name and signs:', frames: [authOf(input, output)] },
    {
      title: 'The relay signs, too, and states its limits:',
      frames: [readyOf(registry, input, output)],
    },
    ...roomSteps(registry, output),
  ]
  return { steps, input, output }
}

function openingFrames(registry: Registry): { hello: WireRecord; challenge: WireRecord } {
  const grease = registry.values['capabilities']?.[0]?.value ?? 0
  return {
    hello: {
      type: 'hello',
      versions: [1],
      capabilities: [grease],
      nonce: countingBytes(0x40, 32),
      agent: 'example/1',
    },
    challenge: {
      type: 'challenge',
      version: 1,
      capabilities: [],
      relayKey: publicKeyOf(countingBytes(0x20, 32)),
      nonce: countingBytes(0x60, 32),
      address: '192.0.2.7:50123',
      relayName: 'kitchen',
    },
  }
}

function authOf(input: HandshakeInput, output: HandshakeOutput): WireRecord {
  const { name, clientId, token } = input
  return { type: 'auth', name, key: output.clientKey, clientId, token, signature: output.authSignature }
}

function readyOf(registry: Registry, input: HandshakeInput, output: HandshakeOutput): WireRecord {
  const limits = registry.limits
    .filter((limit) => limit.scope === 'relay')
    .map((limit) => ({ id: limit.id, value: limit.value }))
  const { session, nameGiven: name } = input
  const signature = output.readySignature
  return {
    type: 'ready',
    session,
    name,
    role: 0,
    time: TIME,
    limits,
    signature,
    token: countingBytes(0xc0, 32),
  }
}

function roomSteps(registry: Registry, output: HandshakeOutput): Step[] {
  const entry = { conversation: 1, time: TIME + 1000 }
  const noOne = { actor: 0, text: '' }
  const alice = { subject: 1, name: 'alice' }
  return [
    { title: 'Alice asks for the room:', frames: [{ type: 'join', request: 1, room: 'lobby', options: 0 }] },
    {
      title:
        'The room is new, so she becomes its operator. The answer is followed by the first entry of the log:',
      frames: [
        {
          type: 'joined',
          request: 1,
          conversation: 1,
          kind: 0,
          name: 'lobby',
          alias: 1,
          role: 1,
          seq: 0,
          ref: 0,
          count: 1,
          limit: limitValue(registry, 'members_per_room'),
          locked: false,
          topic: '',
          peers: [],
          head: 0,
          first: 1,
          log: countingBytes(0xe0, 8),
          durability: 1,
          keepMs: limitValue(registry, 'retention_ms'),
          keepBytes: limitValue(registry, 'retention_bytes'),
        },
        { type: 'event', ...entry, seq: 1, kind: 1, ...noOne, ...alice, key: output.clientKey, value: 1 },
      ],
    },
    {
      title: 'She sends a message and a fence behind it:',
      frames: [
        { type: 'send', conversation: 1, ref: 1, kind: 0, body: utf8('hello') },
        { type: 'ping', nonce: 7, conversation: 1 },
      ],
    },
    {
      title: 'The message comes back as the second entry; that is its acknowledgement. Then the fence:',
      frames: [
        { type: 'message', ...entry, seq: 2, sender: 1, ref: 1, kind: 0, body: utf8('hello') },
        { type: 'pong', nonce: 7, conversation: 1 },
      ],
    },
    {
      title: 'She says goodbye; the room stays, because its log holds a message:',
      frames: [{ type: 'close', code: 256, text: '', retryMs: 0 }],
    },
  ]
}

function encode(registry: Registry, frame: WireRecord): Uint8Array {
  return encodeFrame(registry, frameNamed(registry, frame['type'] as string), frame)
}

function stepText(registry: Registry, step: Step): string {
  return `${step.title}\n\n${dumpText(registry, step)}`
}

function dumpText(registry: Registry, step: Step): string {
  const dump = step.frames.flatMap((frame) => annotatedFrame(registry, frame))
  const json = step.frames.map((frame) => `  ${jsonLine(frame)}`).join(',\n')
  return ['```stream', ...dump, '---', `[\n${json}\n]`, '```'].join('\n')
}

function jsonLine(frame: WireRecord): string {
  return JSON.stringify(toJson(frame)).replaceAll('":', '": ').replaceAll(',"', ', "').replaceAll(',{', ', {')
}

const HEX_COLUMNS = 16

/** One line for each value of a frame: its bytes, then what they mean. */
function annotatedFrame(registry: Registry, frame: WireRecord): string[] {
  const spec = frameNamed(registry, frame['type'] as string)
  const length = encode(registry, frame).length
  return [
    ...dumpLine(bigEndian(BigInt(length), 4), `length ${length}`),
    ...dumpLine(arrayHeader(spec.fields.length + 1), `array of ${spec.fields.length + 1}`),
    ...dumpLine(int(spec.type), spec.name),
    ...spec.fields.flatMap((field) => fieldLines(registry, field, frame[field.name] as WireValue)),
  ]
}

function fieldLines(registry: Registry, field: FieldEntry, value: WireValue): string[] {
  if (field.type !== 'list') return dumpLine(encodeField(registry, field, value), noteOf(field, value))
  const items = value as readonly WireValue[]
  return [
    ...dumpLine(arrayHeader(items.length), `${field.name}: ${items.length}`),
    ...items.flatMap((item) => {
      const record = registry.records[field.of as string]
      const words = record
        ? record.fields.map((each) => noteOf(each, (item as WireRecord)[each.name] as WireValue))
        : []
      return dumpLine(
        encodeElement(registry, field.of as string, item),
        record ? `  ${words.join(', ')}` : `  ${item}`,
      )
    }),
  ]
}

function noteOf(field: FieldEntry, value: WireValue): string {
  if (field.name === 'body') return `body: text "${Buffer.from(value as Uint8Array).toString('utf8')}"`
  if (value instanceof Uint8Array) return `${field.name}: ${value.length} bytes`
  return typeof value === 'string' ? `${field.name}: "${value}"` : `${field.name}: ${String(value)}`
}

function dumpLine(bytes: Uint8Array, note: string): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += HEX_COLUMNS) {
    const hex = (toHex(bytes.subarray(at, at + HEX_COLUMNS)).match(/../gu) ?? []).join(' ')
    lines.push(at === 0 ? `${hex.padEnd(HEX_COLUMNS * 3)}; ${note}` : hex)
  }
  return lines
}

function handshakeText(input: HandshakeInput, output: HandshakeOutput): string {
  const lines = Object.entries(input).map(([name, value]) =>
    value instanceof Uint8Array ? `${name} = ${toHex(value)}`.trimEnd() : `${name} = "${String(value)}"`,
  )
  return ['```handshake', ...lines, '---', JSON.stringify(toJson(output), undefined, 2), '```'].join('\n')
}
