/** Standard input in lines, and whole. */
import { StringDecoder } from 'node:string_decoder'
import { usageError } from './exit.ts'

/**
 * Calls `onLine` for each line of the stream, in order; while the promise it returns is open, reading
 * waits.
 */
export async function forEachLine(
  stream: NodeJS.ReadStream,
  lineCharsMax: number,
  onLine: (line: string) => Promise<void> | void,
): Promise<void> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineCharsMax) throw usageError(`a line is longer than ${lineCharsMax} characters`)
    for (const line of lines) {
      const waiting = onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (waiting) await waiting
    }
  }
  rest += decoder.end()
  if (rest !== '') await onLine(rest)
}

/** All bytes of the stream; more than `bytesMax` is a usage error. */
export async function readAll(stream: NodeJS.ReadStream, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer)
    length += (chunk as Buffer).length
    if (length > bytesMax)
      throw usageError(`standard input holds more than ${bytesMax} bytes`, 'send it with --file')
  }
  return Buffer.concat(chunks)
}
