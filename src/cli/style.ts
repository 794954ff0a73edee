/** Colours, always beside a sign that says the same without them. */

export interface Style {
  dim(text: string): string
  bold(text: string): string
  red(text: string): string
  green(text: string): string
  /** A colour that stays the same for the same name. */
  name(name: string): string
}

const RESET = '\x1b[0m'
const NAME_COLOURS: readonly number[] = [31, 32, 33, 34, 35, 36, 91, 92, 94, 95, 96]

/** Whether to colour what goes to `stream`. */
export function wantsColour(stream: { readonly isTTY?: boolean }, noColour: boolean): boolean {
  const { env } = process
  if (noColour || (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '')) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

/** A style that colours, or one that leaves everything as it is. */
export function styleOf(isColoured: boolean): Style {
  const paint =
    (code: number | string) =>
    (text: string): string =>
      isColoured ? `\x1b[${code}m${text}${RESET}` : text
  return {
    dim: paint(2),
    bold: paint(1),
    red: paint(31),
    green: paint(32),
    name: (name) => paint(NAME_COLOURS[hashOf(name) % NAME_COLOURS.length] as number)(name),
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0
  return hash
}
