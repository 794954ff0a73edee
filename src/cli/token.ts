import { readFileSync } from 'node:fs'
import { fileError } from '../node/private-file.ts'

/**
 * The token in a file (`-`: standard input), without blanks around it. Tokens never stand on command lines.
 */
export function readToken(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim()
  } catch (error) {
    throw fileError(error, `read the token file ${file}`)
  }
}
