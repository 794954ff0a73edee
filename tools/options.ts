/** The options of programs that are for who works on the project. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>['values']

/** Reads the command line. `--help` prints the usage; so does a mistake, and the program ends with 2. */
export function readOptions<T extends Options>(usage: string, options: T): Values<T> {
  const all = { ...options, help: { type: 'boolean', short: 'h' } } as const
  try {
    const { values } = parseArgs({ options: all })
    if (!('help' in values) || values.help !== true) return values as Values<T>
  } catch (error) {
    failOn((error as Error).message.split('. ')[0] as string, usage)
  }
  console.log(usage)
  process.exit(0)
}

/** The whole number that an option gives. Ends the program with 2 where it is none from `min` up. */
export function wholeNumber(text: string, option: string, min = 0): number {
  const number = /^\d+$/u.test(text) ? Number(text) : Number.NaN
  return number >= min ? number : failOn(`--${option} "${text}" is not a whole number from ${min} up`)
}

/** Ends the program over a wrong option. */
export function failOn(why: string, usage?: string): never {
  console.error(usage === undefined ? `error: ${why}` : `error: ${why}\n\n${usage}`)
  process.exit(2)
}
