/** `palaver` without a command: an address to chat at, or a misspelt command. */
import { nearestOf } from '../node/nearest.ts'
import { usageError } from './exit.ts'

/** Throws a usage error unless the words begin a chat. */
export function checkUnnamed(words: readonly string[], commands: readonly string[]): void {
  const first = words.find((word) => !word.startsWith('-'))
  if (first !== undefined && !looksLikeAddress(first) && !process.env['PALAVER_URL']) {
    const nearest = nearestOf(first, commands)
    const hint = nearest === undefined ? 'see: palaver --help' : `did you mean: palaver ${nearest}?`
    throw usageError(`"${first}" is neither a command nor an address`, hint)
  }
  if (first === undefined && !process.env['PALAVER_URL']) {
    const unknown = words[0]
    if (unknown !== undefined)
      throw usageError(`there is no command before ${unknown}`, 'see: palaver --help')
    throw usageError(
      'a command or an address is missing',
      'try: palaver serve, or: palaver chat tcp://127.0.0.1',
    )
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw usageError(
      'without a command, palaver chats on a terminal, and this is none',
      'use: palaver chat, send or recv',
    )
}

function looksLikeAddress(word: string): boolean {
  return /[:./[]/u.test(word) || word === 'localhost'
}
