/**
 * Who was ever in a conversation: each installation of each identity with its alias and the highest ref
 * accepted. Kept as records now and then; what entries changed since is read from the log (PAL-ROM-045).
 */
import { bytesOfHex } from '../../base/bytes.ts'
import type { ParticipantRecord } from './storage.ts'

export interface Participant {
  readonly keyHex: string
  readonly key: Uint8Array
  readonly clientHex: string
  readonly alias: number
  name: string
  ref: number
  present: boolean
  usedMs: number
  /** Whether it differs from the record stored. */
  isChanged: boolean
}

export class Participants {
  readonly #byInstallation = new Map<string, Participant>()
  readonly #byAlias = new Map<number, Participant>()
  readonly #nextAliases: number[]

  /** `nextAliases` is one number in a room; in a direct conversation each end counts its own, by twos. */
  constructor(stored: readonly ParticipantRecord[], nextAliases: readonly number[]) {
    this.#nextAliases = [...nextAliases]
    for (const record of stored) this.#add({ ...record, key: keyOf(record.keyHex), isChanged: false })
  }

  /** The aliases that are given next, one for each end. */
  get nextAliases(): readonly number[] {
    return this.#nextAliases
  }

  get size(): number {
    return this.#byAlias.size
  }

  get all(): Iterable<Participant> {
    return this.#byAlias.values()
  }

  withAlias(alias: number): Participant | undefined {
    return this.#byAlias.get(alias)
  }

  find(keyHex: string, clientHex: string): Participant | undefined {
    return this.#byInstallation.get(keyHex + clientHex)
  }

  /**
   * The installation's participant, made with the next alias when it is new; `end` is 0 but for the second
   * end.
   */
  enter(who: Pick<Participant, 'keyHex' | 'key' | 'clientHex' | 'name'>, end: 0 | 1): Participant {
    const known = this.find(who.keyHex, who.clientHex)
    if (known) return known
    //= PAL-ROM-005, PAL-ROM-006, PAL-ROM-027
    const alias = this.#nextAliases[end] as number
    const { keyHex, key, clientHex, name } = who
    const participant: Participant = {
      keyHex,
      key,
      clientHex,
      alias,
      name,
      ref: 0,
      present: false,
      usedMs: 0,
      isChanged: true,
    }
    this.#add(participant)
    return participant
  }

  /** Forgets a participant that is no member. Its alias is not given again. */
  remove(participant: Participant): void {
    this.#byInstallation.delete(participant.keyHex + participant.clientHex)
    this.#byAlias.delete(participant.alias)
  }

  /** An alias that was given is not given again. */
  #raiseAliases(alias: number): void {
    const stride = this.#nextAliases.length
    const end = stride === 1 ? 0 : (alias + 1) % 2
    if ((this.#nextAliases[end] as number) <= alias) this.#nextAliases[end] = alias + stride
  }

  #add(participant: Participant): void {
    this.#byInstallation.set(participant.keyHex + participant.clientHex, participant)
    this.#byAlias.set(participant.alias, participant)
    this.#raiseAliases(participant.alias)
  }
}

/** The record of a participant as it is now. */
export function participantRecord(participant: Participant): ParticipantRecord {
  const { keyHex, clientHex, name, alias, ref, present, usedMs } = participant
  return { keyHex, clientHex, name, alias, ref, present, usedMs }
}

function keyOf(keyHex: string): Uint8Array {
  return bytesOfHex(keyHex) as Uint8Array
}
