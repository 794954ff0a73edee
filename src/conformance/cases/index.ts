/** All cases for a relay. */
import type { Case } from '../case.ts'
import { relayGenerated } from './relay-generated.ts'
import { RELAY_HANDSHAKE } from './relay-handshake.ts'
import { RELAY_MODERATION } from './relay-moderation.ts'
import { RELAY_NAMES } from './relay-names.ts'
import { RELAY_ROOMS } from './relay-rooms.ts'

/** The cases for relays, in the order of the specification. */
export function relayCases(): Case[] {
  return [...RELAY_HANDSHAKE, ...RELAY_NAMES, ...RELAY_ROOMS, ...RELAY_MODERATION, ...relayGenerated()]
}
