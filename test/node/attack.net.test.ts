import { expect, test } from 'vitest'
import { attack, showReport } from '../../fuzz/attack.ts'

test('garbage from a crowd disturbs nobody: relay alive, memory bounded, messages in order', async () => {
  const report = await attack({ inputs: 3000, seed: 7 })
  console.log(showReport(report))
  expect(report.isRelayAlive).toBe(true)
  expect(report.faults).toEqual([])
  expect(report.crowd.tcp + report.crowd.udp).toBeGreaterThanOrEqual(3000)
  expect(report.crowd.tcpInSession).toBeGreaterThan(50)
  expect(report.sent).toBeGreaterThan(100)
  expect(report.rss.peak - report.rss.start).toBeLessThan(100)
}, 60_000)
