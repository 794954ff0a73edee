/** Capture files for tests: TCP segments as Wireshark's and our reader take them. */

/** One TCP connection of which one side sends bytes. */
export interface Connection {
  readonly clientPort: number
  readonly serverPort: number
  /** Each in a segment of its own; seq counts from the first byte. */
  readonly segments: readonly { readonly seq: number; readonly data: Uint8Array }[]
}

const ETHERNET_BYTES = 14
const IP_BYTES = 20
const TCP_BYTES = 20
const SEQ_OF_FIRST_BYTE = 0xffffff00

/** A capture in the pcap format, little-endian, of Ethernet packets from a client to a server. */
export function pcapOf(connections: readonly Connection[]): Uint8Array {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(262_144, 16)
  header.writeUInt32LE(1, 20)
  return Buffer.concat([
    header,
    ...packetsOf(connections).flatMap((packet) => [recordHeader(packet), packet]),
  ])
}

/** The same packets in the pcapng format. */
export function pcapngOf(connections: readonly Connection[]): Uint8Array {
  const section = block(0x0a0d0d0a, [0x1a2b3c4d, 0x00000001, 0xffffffff, 0xffffffff])
  const interfaceBlock = block(1, [1, 262_144])
  const blocks = packetsOf(connections).map((packet) => {
    const padding = Buffer.alloc((4 - (packet.length % 4)) % 4)
    return block(6, [0, 0, 0, packet.length, packet.length], Buffer.concat([packet, padding]))
  })
  return Buffer.concat([section, interfaceBlock, ...blocks])
}

function block(kind: number, words: readonly number[], rest: Buffer = Buffer.alloc(0)): Buffer {
  const size = 12 + words.length * 4 + rest.length
  const head = Buffer.alloc(8 + words.length * 4)
  for (const [i, word] of [kind, size, ...words].entries()) head.writeUInt32LE(word, i * 4)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(size, 0)
  return Buffer.concat([head, rest, tail])
}

function recordHeader(packet: Buffer): Buffer {
  const record = Buffer.alloc(16)
  record.writeUInt32LE(packet.length, 8)
  record.writeUInt32LE(packet.length, 12)
  return record
}

function packetsOf(connections: readonly Connection[]): Buffer[] {
  return connections.flatMap(({ clientPort, serverPort, segments }) =>
    segments.map(({ seq, data }) => packetOf(clientPort, serverPort, seq, data)),
  )
}

function packetOf(clientPort: number, serverPort: number, seq: number, data: Uint8Array): Buffer {
  const packet = Buffer.alloc(ETHERNET_BYTES + IP_BYTES + TCP_BYTES + data.length)
  packet.writeUInt16BE(0x0800, 12)
  const ip = packet.subarray(ETHERNET_BYTES)
  ip.writeUInt8(0x45, 0)
  ip.writeUInt16BE(IP_BYTES + TCP_BYTES + data.length, 2)
  ip.writeUInt8(64, 8)
  ip.writeUInt8(6, 9)
  ip.set([192, 0, 2, 7, 192, 0, 2, 1], 12)
  const tcp = ip.subarray(IP_BYTES)
  tcp.writeUInt16BE(clientPort, 0)
  tcp.writeUInt16BE(serverPort, 2)
  tcp.writeUInt32BE((SEQ_OF_FIRST_BYTE + seq) >>> 0, 4)
  tcp.writeUInt8(0x50, 12)
  tcp.writeUInt8(0x18, 13)
  tcp.writeUInt16BE(0xffff, 14)
  tcp.set(data, TCP_BYTES)
  return packet
}
