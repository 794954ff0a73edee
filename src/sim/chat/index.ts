export { Breach } from './checks.ts'
export { FAULTS, type Fault, planOf } from './plan.ts'
export { ChatWorld, PLANTED, type Planted } from './world.ts'
