export { Breach } from './checks.ts'
export { FAULTS, type Fault, PARTS, type Part, planOf } from './plan.ts'
export { ChatWorld, PLANTED, type Planted } from './world.ts'
