/**
 * What a browser downloads: the client alone and with end-to-end encryption, bundled, minified, compressed.
 * With --check it exits with 1 when that is more than it may be. The bundler is that which runs these tools.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const SEALED_BYTES_MAX = 28 * 1024
const ROOT = join(import.meta.dirname, '..')
const BUNDLER = join(ROOT, 'node_modules', '.bin', 'esbuild')
const OPTIONS = ['--bundle', '--minify', '--format=esm', '--platform=browser', '--target=es2022']

const CLIENT = [
  "export { DurableClient } from './src/protocol/client/index.ts'",
  "export { normalizeName, normalizeRoomName } from './src/protocol/names.ts'",
  "export { decodePart, decodeText, encodePart } from './src/protocol/content.ts'",
]
const SEALING = [
  "export { createPortablePrimitives } from './src/crypto/provider-portable.ts'",
  "export { requireSelfTest } from './src/crypto/self-test.ts'",
  "export { Sealing } from './src/crypto/client/sealing.ts'",
  "export { SealedRooms } from './src/crypto/client/rooms.ts'",
  "export { readJournal, sealBatch } from './src/crypto/journal.ts'",
  "export { decodeChunk, decodeDescriptor, FileOpener, FileSealer } from './src/crypto/sealed-file.ts'",
  "export { qrText } from './src/crypto/trust/qr.ts'",
  "export { safetyNumber } from './src/crypto/trust/safety-number.ts'",
  "export { openBackup, sealBackup } from './src/crypto/backup.ts'",
]

function bytesOf(lines: readonly string[]): { plain: number; gzip: number } {
  const bundle = execFileSync(BUNDLER, OPTIONS, { cwd: ROOT, input: lines.join('\n') })
  return { plain: bundle.length, gzip: gzipSync(bundle, { level: 9 }).length }
}

function tell(name: string, { plain, gzip }: { plain: number; gzip: number }): void {
  console.log(`${name.padEnd(26)} ${String(plain).padStart(8)} bytes ${String(gzip).padStart(7)} gzip`)
}

const client = bytesOf(CLIENT)
const sealed = bytesOf([...CLIENT, ...SEALING])
tell('client', client)
tell('encryption alone', bytesOf(SEALING))
tell('client and encryption', sealed)
console.log(`${'to be reached'.padEnd(26)} ${String(SEALED_BYTES_MAX).padStart(22)} gzip`)
if (process.argv.includes('--check') && sealed.gzip > SEALED_BYTES_MAX) process.exitCode = 1
