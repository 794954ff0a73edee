export type { UdpCloseReason, UdpConnection, UdpEvent, UdpStats } from './api.ts'
export type { CongestionControl } from './congestion.ts'
export type { DoorCounters } from './doorman.ts'
export { DEFAULT_UDP_LIMITS, UdpEndpoint, type UdpEndpointOptions, type UdpLimits } from './endpoint.ts'
export {
  CLOSE,
  DATAGRAM_VERSION,
  FRAME,
  LIMIT,
  PACKET,
  PARAMETER,
  RATIO,
  REFUSE,
  TIMER,
} from './generated/constants.ts'
export type { UdpTraceEvent, UdpTraceFrame, UdpTraceMetrics } from './trace.ts'
