export type { ClientRequest } from './requests.ts'
export { ClientSession } from './session.ts'
export type * from './types.ts'
