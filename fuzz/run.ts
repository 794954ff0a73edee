/**
 * Runs the targets on mutated bytes: npm run fuzz -- [--seconds N] [--target NAME] [--seed N]
 * An exception, or an execution that takes too long, is saved to fuzz/crashes and ends the run with status 1.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { failOn, readOptions, wholeNumber } from '../tools/options.ts'
import { type Corpus, readCorpus } from './corpus.ts'
import { mutated } from './mutate.ts'
import { Random } from './random.ts'
import { TARGETS, type Target } from './targets.ts'

/** Far above what any input may cost, and above a pause of the garbage collector. */
const EXECUTION_MS_MAX = 2000

interface Outcome {
  readonly executions: number
  readonly crash: { readonly bytes: Uint8Array; readonly error: unknown } | undefined
}

function runFor(target: Target, corpus: Corpus, random: Random, milliseconds: number): Outcome {
  const seeds = corpus[target.corpus]
  const until = performance.now() + milliseconds
  let executions = 0
  let now = performance.now()
  while (now < until) {
    const bytes = executions < seeds.length ? (seeds[executions] as Uint8Array) : mutated(random, seeds)
    try {
      target.run(bytes)
      executions += 1
      const after = performance.now()
      if (after - now > EXECUTION_MS_MAX) throw new Error(`took ${Math.round(after - now)} ms`)
      now = after
    } catch (error) {
      return { executions, crash: { bytes, error } }
    }
  }
  return { executions, crash: undefined }
}

function save(name: string, bytes: Uint8Array): string {
  const folder = join(import.meta.dirname, 'crashes')
  mkdirSync(folder, { recursive: true })
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  const path = join(folder, `${name}-${digest}.hex`)
  writeFileSync(path, `${Buffer.from(bytes).toString('hex')}\n`)
  return path
}

function main(): void {
  const usage = `npm run fuzz -- [--seconds 20] [--target NAME]... [--seed N]

  targets: ${Object.keys(TARGETS).join(', ')}`
  const values = readOptions(usage, {
    seconds: { type: 'string', default: '20' },
    target: { type: 'string', multiple: true },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  })
  const seed = wholeNumber(values.seed, 'seed')
  const names = values.target ?? Object.keys(TARGETS)
  const corpus = readCorpus()
  const milliseconds = (wholeNumber(values.seconds, 'seconds', 1) * 1000) / names.length
  console.log(`seed ${seed}; ${names.length} targets, ${(milliseconds / 1000).toFixed(1)} s each`)
  for (const name of names) {
    const target = TARGETS[name]
    if (!target) failOn(`there is no target ${name}`, usage)
    const start = performance.now()
    const { executions, crash } = runFor(target, corpus, new Random(seed), milliseconds)
    const rate = Math.round(executions / ((performance.now() - start) / 1000))
    console.log(
      `${name.padEnd(10)} ${String(executions).padStart(9)} executions ${String(rate).padStart(8)}/s`,
    )
    if (!crash) continue
    console.error(`${name} failed; the input is in ${save(name, crash.bytes)}`)
    console.error(crash.error)
    process.exitCode = 1
  }
}

main()
