import { expect, it } from 'vitest'
import { laneOf } from '../../src/base/lanes.ts'
import type { UdpConnection } from '../../src/reliable/index.ts'
import { at, laneBytes, openPair } from './world.ts'

const CONVERSATIONS = 10
const MESSAGES = 10_000

function message(conversation: number, number: number): Buffer {
  const body = Buffer.alloc(40 + ((conversation * 7 + number * 13) % 240), 97 + conversation)
  body.writeUInt16BE(body.length, 0)
  body.writeUInt16BE(conversation, 2)
  body.writeUInt32BE(number, 4)
  return body
}

/** The numbers of the messages of one conversation, in the order in which they came. */
function numbersOf(bytes: Buffer, conversation: number): number[] {
  const numbers: number[] = []
  let offset = 0
  while (offset < bytes.length) {
    const length = bytes.readUInt16BE(offset)
    const number = bytes.readUInt32BE(offset + 4)
    expect(bytes.subarray(offset, offset + length).equals(message(conversation, number))).toBe(true)
    numbers.push(number)
    offset += length
  }
  return numbers
}

//= PAL-UDP-050
it('10,000 messages in 10 conversations arrive once and in order at 5 % loss each way', () => {
  const started = performance.now()
  const pair = openPair({
    seed: 5,
    conditions: { delayMs: 25, jitterMs: 8, loss: 0.05, duplication: 0.02, detour: 0.02, detourMs: 60 },
  })
  const begin = pair.world.now
  let written = 0
  const write = (connection: UdpConnection): void => {
    const conversation = written % CONVERSATIONS
    const number = Math.floor(written / CONVERSATIONS)
    connection.write(laneOf(conversation), message(conversation, number))
    written++
  }
  // 100 messages a second, as ten people typing much would send.
  for (let i = 0; i < MESSAGES; i++) pair.world.at(at(begin + i * 10), () => write(pair.near))
  const total = (): number => {
    let bytes = 0
    for (let c = 0; c < CONVERSATIONS; c++) {
      for (const part of pair.atRelay.lanes.get(laneOf(c)) ?? []) bytes += part.length
    }
    return bytes
  }
  let expected = 0
  for (let i = 0; i < MESSAGES; i++) {
    expected += message(i % CONVERSATIONS, Math.floor(i / CONVERSATIONS)).length
  }
  pair.world.run(at(begin + MESSAGES * 10))
  expect(pair.world.run(at(begin + MESSAGES * 10 + 5000), () => pair.near.queuedBytes === 0)).toBe(true)
  expect(total()).toBe(expected)
  const inOrder = Array.from({ length: MESSAGES / CONVERSATIONS }, (_, i) => i)
  for (let c = 0; c < CONVERSATIONS; c++) {
    expect(numbersOf(laneBytes(pair.atRelay, laneOf(c)), c)).toEqual(inOrder)
  }
  const virtual = (pair.world.now - begin) / 1000
  const { packetsSent, packetsLost, packetsReceived } = pair.near.stats
  const real = (performance.now() - started) / 1000
  console.log(
    `10,000 messages: ${virtual.toFixed(1)} s virtual, ${real.toFixed(2)} s real; ` +
      `client sent ${packetsSent}, declared ${packetsLost} lost, received ${packetsReceived}`,
  )
})

it('a burst of 10,000 messages at once arrives as well', () => {
  const pair = openPair({ seed: 6, conditions: { jitterMs: 8, loss: 0.05, duplication: 0.02 } })
  const begin = pair.world.now
  let sent = 0
  for (let i = 0; i < MESSAGES; i++) {
    const body = message(i % CONVERSATIONS, Math.floor(i / CONVERSATIONS))
    sent += body.length
    pair.near.write(laneOf(i % CONVERSATIONS), body)
  }
  expect(pair.world.run(at(begin + 60_000), () => pair.near.queuedBytes === 0)).toBe(true)
  let received = 0
  for (const parts of pair.atRelay.lanes.values()) for (const part of parts) received += part.length
  expect(received).toBe(sent)
  console.log(`burst: ${((pair.world.now - begin) / 1000).toFixed(2)} s virtual`)
})
