/**
 * What it costs to hand a batch of bytes to another core of the same machine: between worker threads, and
 * between processes over a unix socket. CPU of both sides together for each batch, and the time for one to go
 * there and back on its own. This decides how a relay of several workers would be built (docs/adr).
 */
import { fork } from 'node:child_process'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { cpuSecondsOf } from './server.ts'

const SIZES = [128, 1024, 16_384, 131_072]
const BATCHES = 20_000
const TRIPS = 3000
/** Batches handed over in one turn of the event loop. */
const PER_TURN = 8

const ECHO =
  "const { parentPort: port } = require('worker_threads'); port.on('message', (b) => port.postMessage(b))"

/** One way of reaching the other side, which sends back what it gets. */
interface Path {
  send(bytes: Uint8Array): void
  onBytes: (count: number) => void
  close(): void
}

function threadPath(): Path {
  const worker = new Worker(ECHO, { eval: true })
  const path: Path = {
    send: (bytes) => worker.postMessage(bytes),
    onBytes: () => {},
    close: () => void worker.terminate(),
  }
  worker.on('message', (bytes: Uint8Array) => path.onBytes(bytes.length))
  return path
}

async function processPath(): Promise<Path & { readonly pid: number }> {
  const at = join(tmpdir(), `palaver-hop-${process.pid}`)
  const server = createServer()
  await new Promise<void>((done) => server.listen(at, done))
  const child = fork(import.meta.filename, ['echo', at])
  const socket = await new Promise<Socket>((done) => server.once('connection', done))
  const path = {
    pid: child.pid as number,
    send: (bytes: Uint8Array) => void socket.write(bytes),
    onBytes: (_count: number) => {},
    close: () => {
      child.kill()
      server.close()
      rmSync(at, { force: true })
    },
  }
  socket.on('data', (chunk) => path.onBytes(chunk.length))
  return path
}

/** CPU microseconds of a hop: half of there and back. */
async function hopMicroseconds(path: Path, size: number, pids: readonly number[]): Promise<number> {
  const bytes = new Uint8Array(size)
  const cpu = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  let received = 0
  let sent = 0
  const from = cpu()
  await new Promise<void>((done) => {
    const turn = (): void => {
      for (let i = 0; i < PER_TURN && sent < BATCHES; i++, sent++) path.send(bytes)
    }
    path.onBytes = (count) => {
      received += count
      if (received === BATCHES * size) done()
      else if (sent * size - received < PER_TURN * size) turn()
    }
    turn()
  })
  return ((cpu() - from) * 1e6) / BATCHES / 2
}

async function tripMicroseconds(path: Path): Promise<number> {
  const bytes = new Uint8Array(128)
  const times: number[] = []
  for (let i = 0; i < TRIPS; i++) {
    const from = performance.now()
    await new Promise<void>((done) => {
      path.onBytes = () => done()
      path.send(bytes)
    })
    times.push((performance.now() - from) * 1000)
  }
  return times.sort((a, b) => a - b)[TRIPS >> 1] as number
}

async function show(name: string, path: Path, pids: readonly number[]): Promise<void> {
  await tripMicroseconds(path)
  const trip = await tripMicroseconds(path)
  const hops: string[] = []
  for (const size of SIZES) hops.push(`${size} B: ${(await hopMicroseconds(path, size, pids)).toFixed(1)}`)
  console.log(`${name.padEnd(12)} CPU µs a hop  ${hops.join('   ')}   there and back ${trip.toFixed(0)} µs`)
  path.close()
}

if (process.argv[2] === 'echo') {
  const socket = connect(process.argv[3] as string)
  socket.on('data', (chunk) => void socket.write(chunk))
} else {
  await show('threads', threadPath(), [process.pid])
  const path = await processPath()
  await show('processes', path, [process.pid, path.pid])
  process.exit(0)
}
