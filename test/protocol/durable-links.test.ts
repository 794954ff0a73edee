/** When a durable client dials again, and what it does with what it knew. */
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../src/base/index.ts'
import { ERRORS, type ErrorName, encodeFrame } from '../../src/codec/index.ts'
import { DurableRig } from './durable-rig.ts'

function inRoom(seed = 'links'): DurableRig {
  const rig = new DurableRig({ seed })
  rig.heal()
  return rig
}

/** The relay ends the session with that code. */
function close(rig: DurableRig, code: number, retryMs = 0): void {
  rig.client.handleBytes(0, encodeFrame({ type: 'close', code, text: '', retryMs }), rig.now)
  rig.pump()
}

describe('a lost link', () => {
  //= PAL-SES-022
  test.each([
    ['goodbye', false],
    ['replaced', false],
    ['bad_frame', false],
    ['name_taken', false],
    ['kicked', false],
    ['going_away', true],
    ['slow_consumer', true],
    ['storage_failed', true],
  ] as const)('after %s another one follows: %s', (name, follows) => {
    const rig = inRoom()
    close(rig, ERRORS[name as ErrorName])
    expect(rig.client.isOver).toBe(!follows)
    const dials = rig.eventsOf('dial').length
    rig.now = (rig.now + 600_000) as Instant
    rig.client.handleTimeout(rig.now)
    rig.pump()
    expect(rig.eventsOf('dial').length - dials).toBe(follows ? 1 : 0)
  })

  //= PAL-SES-023
  test('is not replaced before the time that the relay asked for', () => {
    const rig = inRoom()
    close(rig, ERRORS.going_away, 45_000)
    expect(rig.client.pollTimeout()).toBeGreaterThanOrEqual(rig.now + 45_000)
  })

  //= PAL-SES-024
  test('is followed by longer and longer waits, not the same for everybody', () => {
    const waits = (seed: string): number[] => {
      const rig = inRoom(seed)
      rig.isReachable = false
      rig.cut()
      return Array.from({ length: 12 }, () => {
        const wait = rig.client.pollTimeout() - rig.now
        rig.sleep(120_000)
        rig.dial()
        return wait
      })
    }
    const [one, two] = [waits('one'), waits('two')]
    expect(one).not.toEqual(two)
    for (const series of [one, two]) {
      expect(series[0]).toBeLessThanOrEqual(250)
      expect(series[6] as number).toBeGreaterThan(4 * (series[1] as number))
      expect(Math.max(...series)).toBeLessThanOrEqual(30_000)
      expect(series.at(-1)).toBeGreaterThanOrEqual(15_000)
    }
  })

  //= PAL-HSK-047
  //= PAL-HSK-048
  test('is taken up in one round trip: follow behind resume, and no send before ready', () => {
    const rig = inRoom()
    rig.cut()
    rig.say('waits')
    rig.sleep(60_000)
    rig.dial()
    rig.up(1e9)
    rig.down(1e9)
    rig.up(1e9)
    expect(rig.link?.received.map((frame) => frame.type)).toEqual(['hello', 'resume', 'follow'])
    rig.heal()
    expect(rig.relay.log('lobby')?.aliceBodies).toEqual(['waits'])
  })

  test('leaves the relay that answers no choice: it has the key of the first one', () => {
    const rig = inRoom()
    rig.cut()
    rig.sleep(60_000)
    rig.relay.impersonate('another relay')
    rig.dial()
    rig.up(1e9)
    rig.down(1e9)
    expect(rig.client.isOver).toBe(true)
    expect(rig.eventsOf('closed').at(-1)?.name).toBe('bad_signature')
  })
})

describe('a relay that lost everything', () => {
  //= PAL-MSG-001
  test('gets what waits, with refs that begin anew, and the room is entered by its name', () => {
    const rig = inRoom()
    rig.say('before')
    rig.heal()
    const { conversation } = rig
    rig.cut()
    rig.say('one')
    rig.say('two')
    rig.relay.wipe()
    rig.relay.post('other', 'takes the number')
    rig.relay.post('lobby', 'theirs')
    rig.heal()
    expect(rig.eventsOf('renewed')).toHaveLength(1)
    expect(rig.conversation).toBe(conversation)
    expect(rig.relay.log('lobby')?.aliceBodies).toEqual(['one', 'two'])
    expect(rig.effects.map(({ text }) => text)).toEqual(['(1)', 'before', ...rig.log])
  })
})

describe('what is kept', () => {
  test('is kept before anything that shows it leaves', () => {
    const rig = inRoom()
    const { conversation, client } = rig
    if (!conversation) throw new Error('not in the room')
    client.send(conversation, { id: 'x', contentKind: 0, body: new Uint8Array(3) }, rig.now)
    expect(client.pollTransmit(rig.now)).toBeUndefined()
    const records = client.takeRecords()
    expect(records.map(({ kind }) => kind)).toEqual(['message', 'ref'])
    expect(client.pollTransmit(rig.now)).toBeUndefined()
    client.handleKept()
    expect(client.pollTransmit(rig.now)).toBeDefined()
  })

  test('has a bound while there is no link', () => {
    const rig = inRoom()
    rig.cut()
    let taken = 0
    while (taken < 5000 && rig.say(`waiting ${taken}`)) taken += 1
    expect(taken).toBe(1024)
    rig.heal(3000)
    expect(rig.relay.log('lobby')?.aliceBodies).toHaveLength(1024)
    expect(rig.say('again')).toBe(true)
  })

  test('knows a message by its id', () => {
    const rig = inRoom()
    rig.say('once')
    rig.say('once')
    rig.heal()
    rig.say('once')
    rig.crash(99)
    rig.heal()
    rig.say('once')
    rig.heal()
    expect(rig.relay.log('lobby')?.aliceBodies).toEqual(['once'])
    const told = rig.eventsOf('sent').map(({ isDuplicate }) => isDuplicate)
    expect(told).toEqual([false, true, true])
  })
})

describe('a message that is refused', () => {
  test('is told, and those behind it go with the refs that follow', () => {
    const rig = inRoom()
    rig.relay.refuses = ({ body }) =>
      new TextDecoder().decode(body) === 'bad' ? ERRORS.mailbox_full : undefined
    for (const text of ['a', 'bad', 'b', 'c']) rig.say(text)
    rig.heal()
    expect(rig.relay.log('lobby')?.aliceBodies).toEqual(['a', 'b', 'c'])
    expect(rig.eventsOf('unsent').map(({ id, refusal }) => [id, refusal.name])).toEqual([
      ['bad', 'mailbox_full'],
    ])
  })

  test('for being too much goes again later', () => {
    const rig = inRoom()
    let refusals = 3
    rig.relay.refuses = () => (refusals-- > 0 ? ERRORS.rate_limited : undefined)
    for (const text of ['a', 'b']) rig.say(text)
    rig.heal()
    expect(rig.relay.log('lobby')?.aliceBodies).toEqual(['a', 'b'])
    expect(rig.eventsOf('unsent')).toEqual([])
  })
})
