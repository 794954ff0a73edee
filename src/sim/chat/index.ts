export { Breach } from './checks.ts'
export { type ChatPlan, FAULTS, type Fault, planOf } from './plan.ts'
export { type ChatResult, ChatWorld, PLANTED, type Planted } from './world.ts'
