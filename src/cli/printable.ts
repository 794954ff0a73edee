/** What comes from others is shown so that it can neither steer the terminal nor pass for something else. */

const PICTURES = 0x2400
const DELETE = 0x7f
/** C0 and C1 controls; line and paragraph separators; everything that turns the direction of writing. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/gu

/** The text on one line: controls become visible signs, line ends included. */
export function printable(text: string): string {
  //= PAL-SEC-006
  return text.replace(UNSAFE, visible)
}

/**
 * The text with its line ends; each further line begins with `indent`, so that it cannot pass for another
 * entry.
 */
export function printableLines(text: string, indent: string): string {
  const lines = text.replace(/\r\n?/gu, '\n').split('\n')
  return lines.map((line) => printable(line.replace(/\t/gu, '    '))).join(`\n${indent}`)
}

function visible(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(PICTURES + code)
  if (code === DELETE) return '\u2421'
  return `<${code.toString(16).toUpperCase().padStart(4, '0')}>`
}
