/** All cases. */
import type { Case } from '../case.ts'
import { clientGenerated } from './client-generated.ts'
import { CLIENT_HANDSHAKE } from './client-handshake.ts'
import { CLIENT_HISTORY } from './client-history.ts'
import { CLIENT_SESSION } from './client-session.ts'
import { RELAY_DATAGRAM } from './relay-datagram.ts'
import { RELAY_DIRECTS } from './relay-directs.ts'
import { RELAY_FRAMING } from './relay-framing.ts'
import { relayGenerated } from './relay-generated.ts'
import { RELAY_HANDSHAKE } from './relay-handshake.ts'
import { RELAY_KEPT } from './relay-kept.ts'
import { RELAY_LOADS } from './relay-loads.ts'
import { RELAY_LOGS } from './relay-logs.ts'
import { RELAY_MESSAGES } from './relay-messages.ts'
import { RELAY_MODERATION } from './relay-moderation.ts'
import { RELAY_NAMES } from './relay-names.ts'
import { RELAY_PREKEYS } from './relay-prekeys.ts'
import { RELAY_ROOMS } from './relay-rooms.ts'
import { RELAY_SESSION } from './relay-session.ts'
import { RELAY_SIGNALS } from './relay-signals.ts'
import { RELAY_WEATHER } from './relay-weather.ts'

/** The cases for relays, in the order of the specification. */
export function relayCases(): Case[] {
  return [
    ...RELAY_FRAMING,
    ...RELAY_HANDSHAKE,
    ...RELAY_NAMES,
    ...RELAY_SESSION,
    ...RELAY_ROOMS,
    ...RELAY_LOGS,
    ...RELAY_DIRECTS,
    ...RELAY_MESSAGES,
    ...RELAY_MODERATION,
    ...RELAY_PREKEYS,
    ...RELAY_LOADS,
    ...RELAY_KEPT,
    ...relayGenerated(),
    ...RELAY_SIGNALS,
    ...RELAY_DATAGRAM,
    ...RELAY_WEATHER,
  ]
}

/** The cases for clients. */
export function clientCases(): Case[] {
  return [...CLIENT_HANDSHAKE, ...CLIENT_SESSION, ...CLIENT_HISTORY, ...clientGenerated()]
}
