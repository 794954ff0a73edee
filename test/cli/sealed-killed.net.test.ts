/** A sender whose program is killed at any moment, over and over. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Home, jsonLines, type Relay } from './process.ts'

const RUNS = 3
const LINES = 40

let home: Home
let relay: Relay

beforeEach(async () => {
  home = new Home()
  relay = await home.relay()
})

afterEach(() => home.end())

/** Says lines until so many are acknowledged, is killed then, and gives where those stand in the log. */
async function killedAfter(acknowledged: number, run: number): Promise<string[]> {
  const sender = home.start(['send', relay.tcp, '-t', 'bob', '--nick', 'alice', '--lines', '--json'])
  sender.child.stdin.on('error', () => {})
  for (let i = 0; i < LINES; i++) sender.child.stdin.write(`run ${run} line ${i}\n`)
  let seen = 0
  await sender.line((line) => line.includes('"sent"') && ++seen === acknowledged)
  sender.child.kill('SIGKILL')
  await sender.outcome
  return seqsOf('sent', sender.stdout)
}

/** The last line may be cut. */
function seqsOf(type: string, stdout: string): string[] {
  const whole = stdout.slice(0, stdout.lastIndexOf('\n') + 1)
  return jsonLines(whole).flatMap((each) =>
    each['type'] === type && each['seq'] !== '0' ? [String(each['seq'])] : [],
  )
}

test('whatever was acknowledged comes once and can be read, and no key is used twice', async () => {
  const bob = home.start(['recv', relay.tcp, '-t', 'me', '--nick', 'bob', '--json'])
  await bob.line((line) => line.includes('listening'))
  const expected: string[] = []
  for (let run = 0; run < RUNS; run++) expected.push(...(await killedAfter(1 + 5 * run, run)))
  await home.run(['send', relay.tcp, '-t', 'bob', '--nick', 'alice', 'the end'])
  await bob.line((line) => line.includes('the end'))
  const told = jsonLines(bob.stdout)
  const texts = told.flatMap((each) => (each['type'] === 'message' ? [String(each['text'])] : []))
  expect(new Set(texts).size).toBe(texts.length)
  expect(expected.length).toBeGreaterThan(RUNS)
  expect(seqsOf('message', bob.stdout)).toEqual(expect.arrayContaining(expected))
  expect(told.filter((each) => each['type'] === 'message' && each['sealed'] !== true)).toEqual([])
  //= PAL-SDC-022
  expect(bob.stdout + bob.stderr).not.toContain('"unreadable"')
}, 60_000)
