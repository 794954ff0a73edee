export { ConversationBook } from './conversations.ts'
export {
  DurableClient,
  type DurableEvent,
  type DurableOptions,
  type NewMessage,
  type Since,
} from './durable.ts'
export { type ClientRecord, Keeping, mustReachDisk, type SentAt } from './keeping.ts'
export type { Refusal } from './place.ts'
export type { ClientRequest } from './requests.ts'
export { ClientSession } from './session.ts'
export type * from './types.ts'
