/** Passphrases, which are never words of the command line: those can be seen by all users. */
import { readFileIfAny } from '../node/private-file.ts'
import type { Arguments } from './args.ts'
import { CliError, EXIT, Interrupted, usageError } from './exit.ts'

/** The option for it. */
export const PASSPHRASE_OPTION = {
  'passphrase-file': {
    value: 'FILE',
    help: 'the passphrase of the backup (also PALAVER_PASSPHRASE; else asked for)',
  },
} as const

/** The passphrase from a file, the environment or the keyboard; asked for twice when it is a new one. */
export async function passphraseOf(args: Arguments, isNew: boolean): Promise<string> {
  const file = args.text('passphrase-file')
  if (file !== undefined) {
    const text = readFileIfAny(file)
    if (text === undefined)
      throw new CliError(EXIT.unreachable, 'io', `cannot read ${file}: there is no such file`)
    return text.replace(/\r?\n$/u, '')
  }
  const given = process.env['PALAVER_PASSPHRASE']
  if (given) return given
  if (process.stdin.isTTY !== true)
    throw usageError('there is no passphrase', 'give --passphrase-file FILE, or set PALAVER_PASSPHRASE')
  const first = await askUnseen('passphrase: ')
  if (isNew && (await askUnseen('once more: ')) !== first) throw usageError('the two passphrases differ')
  return first
}

/** A line from the keyboard that does not show. */
function askUnseen(prompt: string): Promise<string> {
  process.stderr.write(prompt)
  process.stdin.setRawMode(true)
  process.stdin.resume()
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (): void => {
      process.stdin.off('data', onData)
      process.stdin.setRawMode(false)
      process.stdin.pause()
      process.stderr.write('\n')
    }
    const onData = (bytes: Buffer): void => {
      for (const character of bytes.toString('utf8')) {
        if (character === '\r' || character === '\n') {
          end()
          return resolve(typed)
        }
        if (character === '\x03' || character === '\x04') {
          end()
          return reject(new Interrupted('SIGINT'))
        }
        typed =
          character === '\x7f' || character === '\b' ? [...typed].slice(0, -1).join('') : typed + character
      }
    }
    process.stdin.on('data', onData)
  })
}
