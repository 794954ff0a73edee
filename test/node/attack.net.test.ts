import { expect, test } from 'vitest'
import { attack, showReport } from '../../fuzz/attack.ts'

test('a crowd that sends garbage disturbs nobody: the relay lives, its memory is bounded, honest messages arrive', async () => {
  const report = await attack({ inputs: 3000, seed: 7 })
  console.log(showReport(report))
  expect(report.isRelayAlive).toBe(true)
  expect(report.faults).toEqual([])
  expect(report.crowd.tcp + report.crowd.udp).toBeGreaterThanOrEqual(3000)
  expect(report.crowd.tcpInSession).toBeGreaterThan(50)
  expect(report.sent).toBeGreaterThan(100)
  expect(report.rss.peak - report.rss.start).toBeLessThan(100)
}, 60_000)
