export * from './ed25519-check.ts'
