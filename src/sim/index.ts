export * from './datagram-world.ts'
export * from './disk.ts'
export * from './link.ts'
export * from './random.ts'
