/** spec/vectors/handshake.json: hashes and signatures from fixed keys, and signatures to refuse. */
import { computeHandshake, type HandshakeInput, publicKeyOf, signed } from './handshake.ts'
import type { Registry } from './registry.ts'
import { countingBytes } from './session-example.ts'
import { mixedOrderCases } from './vectors-mixed-order.ts'
import { bigEndian, encodeFrame, frameNamed, fromHex, joined, toHex, toJson, utf8 } from './wire.ts'

/** Order of the base point of Ed25519. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const PRIME = 2n ** 255n - 19n

/** Encodings of the points of small order, canonical and not (with y = 1 and sign bit, y >= p). */
const SMALL_ORDER: readonly (readonly [string, string])[] = [
  ['identity', '0100000000000000000000000000000000000000000000000000000000000000'],
  ['order 2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['order 4', '0000000000000000000000000000000000000000000000000000000000000000'],
  ['order 4, other sign', '0000000000000000000000000000000000000000000000000000000000000080'],
  ['order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ['order 8, other sign', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
  ['order 8, second', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
  ['order 8, second, other sign', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'],
  ['identity, x = 0 with sign bit', '0100000000000000000000000000000000000000000000000000000000000080'],
  ['y = p', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['y = p + 1', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
]

/** Handshakes, then signatures with whether they verify. */
export function handshakeVectors(registry: Registry): object[] {
  const handshakes = inputs(registry).map(([name, input]) => ({
    name,
    kind: 'handshake',
    input: toJson(input),
    output: toJson(computeHandshake(input)),
  }))
  return [...handshakes, ...signatureVectors()]
}

function inputs(registry: Registry): [string, HandshakeInput][] {
  const base = baseInput(registry)
  return [
    ['an empty binding and no token', base],
    ['a channel binding of 64 bytes', { ...base, binding: countingBytes(0x00, 64) }],
    ['an admission token', { ...base, token: 'let me in' }],
    ['a name outside ASCII, given in normal form', { ...base, name: 'zoe\u0308', nameGiven: 'zoë' }],
    ['a hello in other encodings', { ...base, hello: joined(fromHex('dc0005'), base.hello.subarray(1)) }],
    [
      'trailing elements are part of the transcript',
      { ...base, hello: joined(fromHex('96'), base.hello.subarray(1), fromHex('c0')) },
    ],
  ]
}

function baseInput(registry: Registry): HandshakeInput {
  const relaySeed = countingBytes(0x20, 32)
  const hello = { versions: [1], capabilities: [], nonce: countingBytes(0x40, 32), agent: 'vectors' }
  const challenge = {
    version: 1,
    capabilities: [],
    relayKey: publicKeyOf(relaySeed),
    nonce: countingBytes(0x60, 32),
    address: '[2001:db8::1]:7667',
    relayName: 'relay',
  }
  return {
    clientSeed: countingBytes(0x00, 32),
    relaySeed,
    binding: new Uint8Array(0),
    hello: encodeFrame(registry, frameNamed(registry, 'hello'), hello),
    challenge: encodeFrame(registry, frameNamed(registry, 'challenge'), challenge),
    name: 'alice',
    clientId: countingBytes(0xa0, 8),
    token: '',
    session: countingBytes(0xb0, 16),
    nameGiven: 'alice',
  }
}

interface SignatureCase {
  readonly name: string
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly valid: boolean
}

function signatureVectors(): object[] {
  const seed = countingBytes(0x00, 32)
  const key = publicKeyOf(seed)
  const message = utf8('palaver')
  const good = signed(seed, message)
  const make = (name: string, changed: Partial<SignatureCase>): SignatureCase => ({
    name,
    key,
    message,
    signature: good,
    valid: false,
    ...changed,
  })
  const half = (at: number): Uint8Array => good.subarray(at, at + 32)
  const cases: SignatureCase[] = [
    make('a good signature', { valid: true }),
    make('another message', { message: utf8('palaves') }),
    make('another key', { key: publicKeyOf(countingBytes(0x01, 32)) }),
    make('one bit of R', { signature: flipped(good, 0) }),
    make('one bit of S', { signature: flipped(good, 40) }),
    make('S plus the order: the same signature in another form', {
      signature: joined(half(0), plusOrder(half(32))),
    }),
    make('63 bytes', { signature: good.subarray(0, 63) }),
    make('65 bytes', { signature: joined(good, fromHex('00')) }),
    make('no bytes', { signature: new Uint8Array(0) }),
    make('a key of 31 bytes', { key: key.subarray(0, 31) }),
    make('R with y = p', { signature: joined(littleEndian(PRIME), half(32)) }),
    make('R all ones', { signature: joined(new Uint8Array(32).fill(0xff), half(32)) }),
    ...SMALL_ORDER.flatMap(([what, hex]) => [
      make(`key ${what}, R identity, S 0`, {
        key: fromHex(hex),
        signature: joined(littleEndian(1n), littleEndian(0n)),
      }),
      make(`key ${what}, R the same, S 0`, {
        key: fromHex(hex),
        signature: joined(fromHex(hex), littleEndian(0n)),
      }),
      make(`R ${what}`, { signature: joined(fromHex(hex), half(32)) }),
    ]),
    ...mixedOrderCases(),
  ]
  return cases.map((each) => ({ kind: 'signature', ...(toJson(each) as object) }))
}

function flipped(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.with(index, (bytes[index] as number) ^ 1)
}

function plusOrder(s: Uint8Array): Uint8Array {
  return littleEndian(BigInt(`0x${toHex(s.toReversed())}`) + ORDER)
}

function littleEndian(value: bigint): Uint8Array {
  return bigEndian(value, 32).toReversed()
}
