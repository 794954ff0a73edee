import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/base/errors.ts'
import {
  groupedFingerprint,
  isLoopback,
  parseRelayAddress,
  relayFingerprint,
  showRelayAddress,
} from '../../src/node/address.ts'

function shown(text: string): string {
  return showRelayAddress(parseRelayAddress(text))
}

function refusal(text: string): string {
  try {
    parseRelayAddress(text)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  return 'accepted'
}

describe('an address', () => {
  it.each([
    ['tcp://127.0.0.1', 'tcp://127.0.0.1:7667'],
    ['udp://chat.example:99', 'udp://chat.example:99'],
    ['UDP://Chat.Example', 'udp://chat.example:7667'],
    ['tcp://[::1]:80', 'tcp://[::1]:80'],
    ['::1', 'tcp://[::1]:7667'],
    ['fe80::2', 'udp://[fe80::2]:7667'],
    ['localhost', 'tcp://localhost:7667'],
    ['chat.example', 'udp://chat.example:7667'],
    ['chat.example:1', 'udp://chat.example:1'],
    ['palaver://chat.example/lobby', 'udp://chat.example:7667'],
    ['palaver://127.0.0.1/lobby', 'tcp://127.0.0.1:7667'],
    ['palaver://chat.example/lobby?via=tcp', 'tcp://chat.example:7667'],
    ['palaver://chat.example/lobby?via=tls,tcp', 'tcp://chat.example:7667'],
    ['palaver://chat.example/lobby?via=tls,tcp,udp', 'udp://chat.example:7667'],
  ])('%s means %s', (text, expected) => {
    expect(shown(text)).toBe(expected)
  })

  it.each([
    ['tcp://host:65536', 'port'],
    ['tcp://host:', 'port'],
    ['tcp://host:-1', 'port'],
    ['tcp://host:1e3', 'port'],
    ['tcp://', 'host is missing'],
    [':7667', 'host is missing'],
    ['', 'host is missing'],
    ['tls://host', 'tls:// is not in this version'],
    ['wss://host/x', 'wss:// is not in this version'],
    ['tpc://host', 'did you mean tcp://?'],
    ['http://host', 'use tcp://, udp:// or palaver://'],
    ['tcp://host/room', 'only a palaver:// link can name a room'],
    ['tcp://fp@host', 'only a palaver:// link can hold a fingerprint'],
    ['tcp://[::g]', 'is not an IPv6 address'],
    ['tcp://::1:7667:x', '[address]:port'],
    ['tcp://a b', 'is not a host name'],
    ['palaver://short@host/', '16 letters'],
    ['palaver://host/%', 'not written as a link'],
  ])('%s is refused with a sentence: %s', (text, part) => {
    expect(refusal(text)).toContain(part)
  })

  it('of a link holds the room and the fingerprint, however that is grouped', () => {
    const link = parseRelayAddress('palaver://ABCD-efgh-ijkl-mnop@chat.example:5/caf%C3%A9')
    expect(link).toMatchObject({ fingerprint: 'abcdefghijklmnop', room: 'café', port: 5 })
    expect(parseRelayAddress('palaver://chat.example/#garden').room).toBe('garden')
    expect(parseRelayAddress('palaver://chat.example/').room).toBeUndefined()
  })

  //= PAL-STR-016
  it.each([
    ['tcp://a.example,udp://b.example:9', ['udp://b.example:9', 'tcp://a.example:7667']],
    ['tcp://a.example, tcp://b.example', ['tcp://a.example:7667', 'tcp://b.example:7667']],
    ['a.example,127.0.0.1', ['udp://a.example:7667', 'tcp://127.0.0.1:7667']],
    ['palaver://a.example/lobby?via=tcp,udp', ['udp://a.example:7667', 'tcp://a.example:7667']],
    [
      'palaver://a.example/lobby?via=tcp,udp,tcp://b.example',
      ['udp://a.example:7667', 'tcp://a.example:7667', 'tcp://b.example:7667'],
    ],
    ['udp://a.example,udp://a.example:7667', ['udp://a.example:7667']],
  ])('of several kinds is a list, UDP first: %s', (text, expected) => {
    const address = parseRelayAddress(text)
    expect([address, ...address.alternatives].map(showRelayAddress)).toEqual(expected)
  })

  it('that is a list is of one relay', () => {
    const one = 'palaver://abcd-efgh-ijkl-mnop@a.example/lobby'
    expect(parseRelayAddress(`tcp://b.example,${one}`)).toMatchObject({
      fingerprint: 'abcdefghijklmnop',
      room: 'lobby',
    })
    expect(refusal(`${one},palaver://bbbb-efgh-ijkl-mnop@b.example`)).toContain('more than one fingerprint')
    expect(refusal(`${one},palaver://b.example/garden`)).toContain('more than one room')
    expect(refusal(Array.from({ length: 9 }, (_, i) => `tcp://h${i}`).join(','))).toContain('8 addresses')
  })

  it('takes its transport from the option when there is one', () => {
    expect(parseRelayAddress('udp://127.0.0.1', 'tcp').transport).toBe('tcp')
  })

  it('reads what it shows', () => {
    const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain())
    const transports = fc.constantFrom('tcp', 'udp')
    fc.assert(
      fc.property(transports, hosts, fc.integer({ min: 0, max: 65535 }), (transport, host, port) => {
        const address = parseRelayAddress(`${transport}://${host.includes(':') ? `[${host}]` : host}:${port}`)
        expect(address).toMatchObject({ transport, host: host.toLowerCase(), port })
        expect(parseRelayAddress(showRelayAddress(address))).toEqual(address)
      }),
    )
  })

  it('is read or refused with a UsageError, whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void refusal(text)))
    fc.assert(
      fc.property(
        fc.webUrl({ withQueryParameters: true, withFragments: true }),
        (text) => void refusal(text),
      ),
    )
  })
})

describe('a relay', () => {
  it('is on this machine for loopback addresses only', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'a.localhost'].every(isLoopback)).toBe(true)
    expect(['127.evil.example', '10.0.0.1', '128.0.0.1', 'localhost.example'].some(isLoopback)).toBe(false)
  })

  it('has a fingerprint of 16 letters and digits that depends on its key', () => {
    const one = relayFingerprint(new Uint8Array(32))
    expect(one).toMatch(/^[a-z2-7]{16}$/u)
    expect(relayFingerprint(new Uint8Array(32).fill(1))).not.toBe(one)
    expect(groupedFingerprint('abcdefghijklmnop')).toBe('abcd-efgh-ijkl-mnop')
  })
})
