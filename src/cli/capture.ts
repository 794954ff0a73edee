/** TCP streams in a capture file (pcap or pcapng): what each side sent, put together. Reads hostile files. */

/** What one side of a TCP connection sent. */
export interface TcpFlow {
  /** Address and port, as `a.b.c.d:port` or `[v6]:port`. */
  readonly from: string
  readonly to: string
  readonly ports: readonly [number, number]
  /** From the first byte seen to the first one missing. */
  readonly bytes: Uint8Array
  /** Whether bytes are missing behind. */
  readonly hasGap: boolean
}

interface Segment {
  readonly seq: number
  readonly data: Uint8Array
}

interface Flow {
  readonly from: string
  readonly to: string
  readonly ports: readonly [number, number]
  /** Sequence number of the first byte: that of the SYN plus one, else the first one seen. */
  start: number | undefined
  readonly segments: Segment[]
}

const FLOWS_MAX = 65_536

/** The flows of a capture in the order of their beginning; undefined when it is none. */
export function tcpFlowsOf(capture: Uint8Array): TcpFlow[] | undefined {
  const packets = packetsOf(capture)
  if (!packets) return undefined
  const flows = new Map<string, Flow>()
  for (const { linkType, data } of packets) {
    const ip = ipPacketOf(linkType, data)
    if (ip) addSegment(flows, ip)
  }
  return [...flows.values()].filter(({ segments }) => segments.length > 0).map(joined)
}

// ---- files ------------------------------------------------------------------------------------

interface Packet {
  readonly linkType: number
  readonly data: DataView
}

const PCAP_HEADER_BYTES = 24
const PCAP_RECORD_BYTES = 16
const PCAPNG_SECTION = 0x0a0d0d0a

function packetsOf(capture: Uint8Array): Packet[] | undefined {
  const view = new DataView(capture.buffer, capture.byteOffset, capture.byteLength)
  if (view.byteLength < PCAP_HEADER_BYTES) return undefined
  const magic = view.getUint32(0)
  if (magic === PCAPNG_SECTION) return pcapngPackets(view)
  if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) return pcapPackets(view, false)
  if (magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1) return pcapPackets(view, true)
  return undefined
}

function pcapPackets(view: DataView, isLittle: boolean): Packet[] {
  const linkType = view.getUint32(20, isLittle) & 0xffff
  const packets: Packet[] = []
  for (let at = PCAP_HEADER_BYTES; at + PCAP_RECORD_BYTES <= view.byteLength; ) {
    const size = view.getUint32(at + 8, isLittle)
    const data = slice(view, at + PCAP_RECORD_BYTES, size)
    if (!data) break
    packets.push({ linkType, data })
    at += PCAP_RECORD_BYTES + size
  }
  return packets
}

function pcapngPackets(view: DataView): Packet[] {
  const packets: Packet[] = []
  let linkTypes: number[] = []
  let isLittle = true
  for (let at = 0; at + 12 <= view.byteLength; ) {
    const kind = view.getUint32(at, isLittle)
    if (kind === PCAPNG_SECTION) {
      isLittle = view.getUint32(at + 8) === 0x4d3c2b1a
      linkTypes = []
    }
    const size = view.getUint32(at + 4, isLittle)
    const block = size < 12 || size % 4 !== 0 ? undefined : slice(view, at, size)
    if (!block) break
    if (kind === 1 && size >= 20) linkTypes.push(block.getUint16(8, isLittle))
    if (kind === 6 && size >= 32) {
      const data = slice(block, 28, block.getUint32(20, isLittle))
      const linkType = linkTypes[block.getUint32(8, isLittle)]
      if (data && linkType !== undefined) packets.push({ linkType, data })
    }
    at += size
  }
  return packets
}

/** A part of a view, or undefined where it is not all there. */
function slice(view: DataView, at: number, size: number): DataView | undefined {
  if (size < 0 || at + size > view.byteLength) return undefined
  return new DataView(view.buffer, view.byteOffset + at, size)
}

// ---- packets ----------------------------------------------------------------------------------

interface IpPacket {
  readonly source: string
  readonly target: string
  readonly tcp: DataView
}

const ETHERNET_V4 = 0x0800
const ETHERNET_V6 = 0x86dd
const VLAN = 0x8100
const TCP = 6

/** The IP packet with TCP in a packet of the link type, or undefined. */
function ipPacketOf(linkType: number, data: DataView): IpPacket | undefined {
  const at = networkOffset(linkType, data)
  const ip = at === undefined ? undefined : slice(data, at, data.byteLength - at)
  if (!ip || ip.byteLength < 20) return undefined
  return ip.getUint8(0) >> 4 === 4 ? ipv4(ip) : ip.getUint8(0) >> 4 === 6 ? ipv6(ip) : undefined
}

/** Where the IP header begins, for the link types that tcpdump writes. */
function networkOffset(linkType: number, data: DataView): number | undefined {
  switch (linkType) {
    case 0: // BSD loopback
      return 4
    case 1: // Ethernet
      return etherTypeAt(data, 12)
    case 12: // raw IP, as some systems number it
    case 101:
      return 0
    case 113: // Linux cooked
      return etherTypeAt(data, 14)
    case 276: // Linux cooked, version 2
      return 20
    default:
      return undefined
  }
}

function etherTypeAt(data: DataView, at: number): number | undefined {
  for (let place = at; place + 2 <= data.byteLength; place += 4) {
    const type = data.getUint16(place)
    if (type === ETHERNET_V4 || type === ETHERNET_V6) return place + 2
    if (type !== VLAN) return undefined
  }
  return undefined
}

function ipv4(ip: DataView): IpPacket | undefined {
  const header = (ip.getUint8(0) & 0x0f) * 4
  // A captured packet may be padded behind, and one that was offloaded states no length.
  const total = ip.getUint16(2) || ip.byteLength
  const isFragment = (ip.getUint16(6) & 0x3fff) !== 0
  const tcp = slice(ip, header, Math.min(total, ip.byteLength) - header)
  if (header < 20 || isFragment || ip.getUint8(9) !== TCP || !tcp) return undefined
  const address = (at: number): string => [0, 1, 2, 3].map((i) => ip.getUint8(at + i)).join('.')
  return { source: address(12), target: address(16), tcp }
}

function ipv6(ip: DataView): IpPacket | undefined {
  if (ip.byteLength < 40 || ip.getUint8(6) !== TCP) return undefined
  const payload = ip.getUint16(4) || ip.byteLength - 40
  const tcp = slice(ip, 40, Math.min(payload, ip.byteLength - 40))
  const address = (at: number): string =>
    `[${[0, 2, 4, 6, 8, 10, 12, 14].map((i) => ip.getUint16(at + i).toString(16)).join(':')}]`
  return tcp && { source: address(8), target: address(24), tcp }
}

// ---- streams ----------------------------------------------------------------------------------

function addSegment(flows: Map<string, Flow>, { source, target, tcp }: IpPacket): void {
  if (tcp.byteLength < 20) return
  const ports = [tcp.getUint16(0), tcp.getUint16(2)] as const
  const header = (tcp.getUint8(12) >> 4) * 4
  const isSyn = (tcp.getUint8(13) & 0x02) !== 0
  if (header < 20 || header > tcp.byteLength) return
  const [from, to] = [`${source}:${ports[0]}`, `${target}:${ports[1]}`]
  const key = `${from} ${to}`
  const flow = flows.get(key) ?? { from, to, ports, start: undefined, segments: [] }
  if (flows.size >= FLOWS_MAX && !flows.has(key)) return
  flows.set(key, flow)
  const seq = tcp.getUint32(4)
  const data = new Uint8Array(tcp.buffer, tcp.byteOffset + header, tcp.byteLength - header)
  if (isSyn || flow.start === undefined) flow.start = isSyn ? (seq + 1) >>> 0 : seq
  if (data.length > 0) flow.segments.push({ seq, data })
}

/** Puts segments together by their sequence numbers; of bytes sent twice the first ones count. */
function joined({ from, to, ports, start = 0, segments }: Flow): TcpFlow {
  const placed = segments
    .map(({ seq, data }) => ({ at: (seq - start) | 0, data }))
    .sort((a, b) => a.at - b.at || b.data.length - a.data.length)
  const pieces: Uint8Array[] = []
  let end = 0
  let hasGap = false
  for (const { at, data } of placed) {
    hasGap ||= at > end
    if (hasGap || at < 0 || at + data.length <= end) continue
    pieces.push(data.subarray(end - at))
    end = at + data.length
  }
  return { from, to, ports, bytes: Buffer.concat(pieces), hasGap }
}
