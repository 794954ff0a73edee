import type { Address } from './machine.ts'

/** Whether two addresses are the same. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.host === b.host
}

/** The 4 or 16 bytes of a numeric host, or undefined; a zone (`%eth0`) is ignored, ::ffff:a.b.c.d gives 4. */
export function hostBytes(host: string): Uint8Array | undefined {
  const zone = host.indexOf('%')
  const bare = zone < 0 ? host : host.slice(0, zone)
  if (!bare.includes(':')) return ipv4Bytes(bare)
  const bytes = ipv6Bytes(bare)
  if (bytes === undefined) return undefined
  const isMapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((b) => b === 0)
  return isMapped ? bytes.subarray(12) : bytes
}

/** The text of 4 or 16 address bytes: dotted, or eight groups of hexadecimal digits. */
export function hostText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) {
    groups.push((((bytes[i] as number) << 8) | (bytes[i + 1] as number)).toString(16))
  }
  return groups.join(':')
}

/** The host without the IPv6 notation that an IPv4 peer has on a socket for both. */
export function plainHost(host: string): string {
  return host.startsWith('::ffff:') ? host.slice(7) : host
}

/** What counts as one neighbour for limits: an IPv4 address, an IPv6 /56, or the name itself. */
//= PAL-UDP-032
export function addressPrefix(host: string): string {
  const bytes = hostBytes(host)
  if (bytes === undefined) return host
  return bytes.length === 4 ? hostText(bytes) : `${bytes.subarray(0, 7).join('.')}/56`
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const part = parts[i] as string
    const value = /^\d{1,3}$/u.test(part) ? Number(part) : 256
    if (value > 255) return undefined
    bytes[i] = value
  }
  return bytes
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupBytes(halves[0] as string)
  const tail = groupBytes(halves[1] ?? '')
  if (head === undefined || tail === undefined) return undefined
  const length = head.length + tail.length
  if (halves.length === 1 ? length !== 16 : length > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head, 0)
  bytes.set(tail, 16 - tail.length)
  return bytes
}

function groupBytes(text: string): number[] | undefined {
  const bytes: number[] = []
  if (text === '') return bytes
  for (const group of text.split(':')) {
    if (group.includes('.')) {
      const embedded = ipv4Bytes(group)
      if (embedded === undefined) return undefined
      bytes.push(...embedded)
    } else {
      if (!/^[0-9a-f]{1,4}$/iu.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    }
  }
  return bytes.length > 16 ? undefined : bytes
}
