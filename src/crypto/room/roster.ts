/** Who may change a roster how, and the roster after it: the same answer for every member. */
import { equalBytes } from '../../base/bytes.ts'
import {
  type Change,
  compareBytes,
  placeOf,
  ROOM_MEMBERS_MAX,
  type Roster,
  type RosterEntry,
} from './operation.ts'

/** What is known of a room when an operation comes. */
export interface RosterView {
  readonly roster: Roster
  /** Packages whose members asked to leave. */
  readonly leaving: readonly Uint8Array[]
}

/** The roster after a change by `actor`, or undefined when the actor may not do that. */
export function changedRoster(view: RosterView, actor: Uint8Array, change: Change): Roster | undefined {
  const { roster } = view
  const by = roster[placeOf(roster, actor)]
  //= PAL-SRM-008
  if (!by) return undefined
  const isAdmin = by.role === 'admin'
  switch (change.kind) {
    case 'create':
      return undefined
    case 'add':
      return isAdmin ? withAll(roster, change) : undefined
    case 'remove':
      return withoutAll(view, by, change)
    case 'role':
      return isAdmin ? withRole(roster, change) : undefined
    case 'leave':
    case 'rekey':
      return roster
    case 'close':
      return isAdmin ? roster : undefined
    default:
      return change satisfies never
  }
}

function withAll(roster: Roster, change: Change & { kind: 'add' }): Roster | undefined {
  const all: RosterEntry[] = [...roster]
  for (const added of change.packages) {
    if (placeOf(all, added.fid) >= 0) return undefined
    all.push({ package: added, role: 'member' })
  }
  if (all.length > ROOM_MEMBERS_MAX) return undefined
  return all.sort((a, b) => compareBytes(a.package.fid, b.package.fid))
}

function withoutAll(
  { roster, leaving }: RosterView,
  by: RosterEntry,
  { fids }: Change & { kind: 'remove' },
): Roster | undefined {
  let rest = roster
  for (const fid of fids) {
    const entry = rest[placeOf(rest, fid)]
    if (!entry || entry === by) return undefined
    const asked = leaving.some((each) => equalBytes(each, entry.package.packageId))
    //= PAL-SRM-009
    if (by.role !== 'admin' && !asked) return undefined
    rest = rest.filter((each) => each !== entry)
  }
  return withAdmin(rest)
}

function withRole(roster: Roster, { fid, role }: Change & { kind: 'role' }): Roster | undefined {
  const place = placeOf(roster, fid)
  const entry = roster[place]
  if (!entry || entry.role === role) return undefined
  const changed = roster.with(place, { ...entry, role })
  return changed.some((each) => each.role === 'admin') ? changed : undefined
}

/** A room without an admin could never be changed again: the member with the lowest fid becomes one. */
function withAdmin(roster: Roster): Roster {
  const [first] = roster
  //= PAL-SRM-010
  if (!first || roster.some((each) => each.role === 'admin')) return roster
  return roster.with(0, { ...first, role: 'admin' })
}
