/**
 * The relay's logs: what is written of them in each turn, what is read back when a conversation is first
 * needed, and what is kept how long (spec chapter 7). A participant's record is written when it is new and
 * at checkpoints; between those the log itself tells its ref and whether it is a member.
 */
import { bytesOfHex, hexOf } from '../../base/bytes.ts'
import type { Instant } from '../../base/time.ts'
import { CONVERSATION_KINDS, EVENTS } from '../../codec/generated/registry.ts'
import type { Batch, Conversation } from './conversation.ts'
import { visitEntries } from './entries.ts'
import type { RelayLimits } from './hub.ts'
import { type Participant, Participants, participantRecord } from './participants.ts'
import type { ConversationRecord, RelayStorage, StoreWrite } from './storage.ts'

/** Entries after which the participants are written anew. */
const CHECKPOINT_ENTRIES = 4096
/** Bytes of batches kept for members who are behind. */
const RECENT_BYTES_MAX = 256 * 1024
/** A log may be longer than it is kept by this share of the limit, so that trimming is rare. */
const TRIM_SLACK = 1 / 8
/** The longest time that a relay is believed to have been off. */
const PLAUSIBLE_MS = 366 * 86_400_000

/** The time of the input being handled, on both clocks. */
export interface ArchiveClock {
  wallMs(): number
  now(): Instant
}

export class Archive<Owner> {
  readonly storage: RelayStorage
  readonly #limits: RelayLimits
  readonly #wallMs: () => number
  readonly #now: () => Instant
  #writes: StoreWrite[] = []
  /** Conversations with entries in each turn that is not committed yet. */
  readonly #pending: { readonly turn: number; readonly conversations: Conversation<Owner>[] }[] = []
  #touched: Conversation<Owner>[] = []
  /** Bytes of all entries kept, as far as conversations are loaded. */
  #bytes = 0

  constructor(storage: RelayStorage, limits: RelayLimits, clock: ArchiveClock) {
    this.storage = storage
    this.#limits = limits
    this.#wallMs = clock.wallMs
    this.#now = clock.now
  }

  write(write: StoreWrite): void {
    this.#writes.push(write)
  }

  /** Whether one more entry of that size would be too much to keep. */
  isFull(byteCount: number): boolean {
    return this.#bytes + byteCount > this.#limits.logBytes
  }

  // ---- loading --------------------------------------------------------------------------------

  /** Makes sure that the conversation's participants and the extent of its log are known. */
  load(conversation: Conversation<Owner>): Participants {
    if (conversation.participants) return conversation.participants
    const participants = new Participants(
      this.storage.participants(conversation.number),
      conversation.nextAliases,
    )
    conversation.participants = participants
    const extent = this.storage.extent(conversation.number)
    conversation.seq = extent.headSeq
    conversation.sealedSeq = extent.headSeq
    conversation.firstSeq = extent.firstSeq
    conversation.logBytes = extent.bytes
    this.#bytes += extent.bytes
    this.#setClock(conversation)
    this.#replay(conversation, participants)
    return participants
  }

  /**
   * Ages go on from the newest entry. A wall clock that says that much more than a year has passed since, or
   * less than nothing, is not believed: then no time passed.
   */
  //= PAL-ROM-063
  #setClock(conversation: Conversation<Owner>): void {
    const newest = this.storage.read(conversation.number, conversation.seq)
    if (!newest || 'reason' in newest) return
    const passedMs = this.#wallMs() - newest.timeMs
    const isPlausible = passedMs >= 0 && passedMs <= PLAUSIBLE_MS
    conversation.clockOffsetMs = newest.timeMs + (isPlausible ? passedMs : 0) - this.#now()
  }

  /** The time by which the age of a conversation's entries counts. */
  #timeIn(conversation: Conversation<Owner>): number {
    conversation.clockOffsetMs ??= this.#wallMs() - this.#now()
    return Math.floor(this.#now() + conversation.clockOffsetMs)
  }

  /** Reads what the entries since the checkpoint changed. */
  #replay(conversation: Conversation<Owner>, participants: Participants): void {
    const visitor = {
      message({ sender, ref }: { sender: number; ref: number }): void {
        const participant = participants.withAlias(sender)
        conversation.hasMessage = true
        if (!participant) return
        participant.ref = Math.max(participant.ref, ref)
        participant.isChanged = true
      },
      event({ kind, subject }: { kind: number; subject: number }): void {
        const participant = participants.withAlias(subject)
        if (!participant) return
        participant.isChanged = true
        if (kind === EVENTS.joined) participant.present = true
        else if (kind === EVENTS.left || kind === EVENTS.kicked || kind === EVENTS.banned)
          participant.present = false
      },
    }
    let seq = Math.max(conversation.checkpoint + 1, conversation.firstSeq)
    while (seq <= conversation.seq) {
      const page = this.storage.read(conversation.number, seq)
      if (!page) break
      if (!('reason' in page)) visitEntries(page.bytes, 0, page.bytes.length, visitor)
      seq = page.lastSeq + 1
    }
  }

  // ---- writing --------------------------------------------------------------------------------

  /** Takes a sealed batch into the log. */
  append(conversation: Conversation<Owner>, batch: Batch): void {
    const { firstSeq, lastSeq, bytes } = batch
    const timeMs = this.#timeIn(conversation)
    this.#bytes += bytes.length
    if (conversation.isChanged) this.#writeRecord(conversation)
    if (conversation.hasNewParticipant) this.#writeParticipants(conversation)
    this.write({ kind: 'entries', conversation: conversation.number, firstSeq, lastSeq, bytes, timeMs })
    conversation.recent.push(batch)
    this.#touched.push(conversation)
    if (lastSeq - conversation.checkpoint >= CHECKPOINT_ENTRIES) this.#checkpoint(conversation)
    if (conversation.logBytes > this.#limits.retentionBytes * (1 + TRIM_SLACK)) this.#trimBytes(conversation)
  }

  #writeRecord(conversation: Conversation<Owner>): void {
    conversation.isChanged = false
    this.write({ kind: 'conversation', record: conversationRecord(conversation) })
  }

  /** Writes the record of a conversation that has no entry in this turn. */
  save(conversation: Conversation<Owner>): void {
    if (conversation.seq > 0) this.#writeRecord(conversation)
    else conversation.isChanged = true
  }

  #writeParticipants(conversation: Conversation<Owner>): void {
    conversation.hasNewParticipant = false
    const records = []
    for (const participant of conversation.participants?.all ?? []) {
      if (!participant.isChanged) continue
      participant.isChanged = false
      records.push(participantRecord(participant))
    }
    this.write({ kind: 'participants', conversation: conversation.number, records })
  }

  /**
   * Writes all that changed, so that the entries so far need not be read again, and forgets who is long gone.
   */
  #checkpoint(conversation: Conversation<Owner>): void {
    conversation.checkpoint = conversation.sealedSeq
    this.#writeParticipants(conversation)
    this.#writeRecord(conversation)
  }

  forget(conversation: Conversation<Owner>): void {
    this.#bytes -= conversation.logBytes
    this.write({ kind: 'forget_conversation', conversation: conversation.number })
  }

  /** Forgets participants that may be forgotten, until another one has room; false when there is none. */
  makeRoom(conversation: Conversation<Owner>, participants: Participants, wallMs: number): boolean {
    //= PAL-ROM-045
    if (participants.size < this.#limits.participantsPerRoom) return true
    let oldest: Participant | undefined
    for (const each of participants.all) {
      if (each.present) continue
      if (wallMs - each.usedMs > this.#limits.dedupeMs)
        this.#forgetParticipant(conversation, participants, each)
      else if (!oldest || each.usedMs < oldest.usedMs) oldest = each
    }
    if (participants.size < this.#limits.participantsPerRoom) return true
    if (oldest) this.#forgetParticipant(conversation, participants, oldest)
    return oldest !== undefined
  }

  #forgetParticipant(
    conversation: Conversation<Owner>,
    participants: Participants,
    participant: Participant,
  ): void {
    participants.remove(participant)
    const { alias } = participant
    this.write({ kind: 'forget_participant', conversation: conversation.number, alias })
  }

  // ---- keeping --------------------------------------------------------------------------------

  #trimBytes(conversation: Conversation<Owner>): void {
    this.#trim(conversation, (left) => left > this.#limits.retentionBytes)
  }

  /** Forgets entries older than they are kept. */
  trimAge(conversation: Conversation<Owner>): void {
    this.load(conversation)
    const nowMs = this.#timeIn(conversation)
    this.#trim(conversation, (_left, timeMs) => nowMs - timeMs > this.#limits.retentionMs)
  }

  /** Forgets whole pieces from the oldest on, while `mayGo`, but none that is not committed. */
  //= PAL-ROM-040
  #trim(conversation: Conversation<Owner>, mayGo: (bytesLeft: number, timeMs: number) => boolean): void {
    const committed = (conversation.recent[0]?.firstSeq ?? conversation.sealedSeq + 1) - 1
    let { firstSeq } = conversation
    while (firstSeq <= committed) {
      const page = this.storage.read(conversation.number, firstSeq)
      if (!page || page.lastSeq > committed) break
      if (!('reason' in page)) {
        if (!mayGo(conversation.logBytes - page.bytes.length, page.timeMs)) break
        conversation.logBytes -= page.bytes.length
        this.#bytes -= page.bytes.length
      }
      firstSeq = page.lastSeq + 1
    }
    if (firstSeq === conversation.firstSeq) return
    // What the entries that go say of participants is kept in their records.
    if (firstSeq - 1 > conversation.checkpoint) this.#checkpoint(conversation)
    conversation.firstSeq = firstSeq
    this.write({ kind: 'trim', conversation: conversation.number, seq: firstSeq })
  }

  // ---- turns ----------------------------------------------------------------------------------

  get hasWrites(): boolean {
    return this.#writes.length > 0
  }

  /** The writes of the turn that ends. */
  takeWrites(turn: number): StoreWrite[] {
    const writes = this.#writes
    this.#writes = []
    if (this.#touched.length > 0) this.#pending.push({ turn, conversations: this.#touched })
    this.#touched = []
    return writes
  }

  /** The turn and all before it are committed: batches at hand are needed only by those who are behind. */
  handleCommitted(turn: number): void {
    while ((this.#pending[0]?.turn ?? Infinity) <= turn)
      for (const conversation of this.#pending.shift()?.conversations ?? []) dropCommitted(conversation, turn)
  }
}

function dropCommitted<Owner>({ recent, behindCount }: Conversation<Owner>, turn: number): void {
  let kept = 0
  for (const batch of recent) kept += batch.bytes.length
  while (recent.length > 0) {
    const { turn: batchTurn, bytes } = recent[0] as Batch
    if (batchTurn > turn || (behindCount > 0 && kept <= RECENT_BYTES_MAX)) return
    kept -= bytes.length
    recent.shift()
  }
}

/** The record of a conversation as it is now. */
function conversationRecord<Owner>(conversation: Conversation<Owner>): ConversationRecord {
  const { number, nature, topic, locked, memberLimit, checkpoint, hasMessage } = conversation
  const isRoom = nature.kind === CONVERSATION_KINDS.room
  return {
    number,
    logHex: hexOf(conversation.log),
    name: isRoom ? nature.name : '',
    folded: isRoom ? nature.folded : '',
    topic,
    locked,
    memberLimit,
    roles: [...conversation.roles],
    bans: [...conversation.bans].map(([keyHex, { name, untilMs }]) => ({
      keyHex,
      name,
      untilMs: untilMs === Infinity ? undefined : untilMs,
    })),
    nextAliases: conversation.participants?.nextAliases ?? conversation.nextAliases,
    ends: isRoom ? [] : nature.ends.map(({ keyHex, name, cursor }) => ({ keyHex, name, cursor })),
    checkpoint,
    hasMessage,
  }
}

/** Takes over into a conversation what its record says besides its nature. */
export function restore<Owner>(conversation: Conversation<Owner>, record: ConversationRecord): void {
  conversation.topic = record.topic
  conversation.locked = record.locked
  conversation.checkpoint = record.checkpoint
  conversation.hasMessage = record.hasMessage
  conversation.nextAliases = record.nextAliases
  conversation.isChanged = false
  for (const [keyHex, role] of record.roles) conversation.roles.set(keyHex, role)
  for (const { keyHex, name, untilMs } of record.bans)
    conversation.bans.set(keyHex, {
      name,
      key: bytesOfHex(keyHex) as Uint8Array,
      untilMs: untilMs ?? Infinity,
    })
}
