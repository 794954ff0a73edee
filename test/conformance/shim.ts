/** Our client's shim as a program: JSON lines on standard streams (spec chapter 19). */
import { createInterface } from 'node:readline'
import * as protocol from '../../src/protocol/index.ts'
import { shimOf } from './client-shim.ts'

//= PAL-CNF-001, PAL-CNF-002, PAL-CNF-003, PAL-CNF-004
const shim = shimOf(protocol)
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await shim.command(JSON.parse(line) as Record<string, unknown>))}\n`)
