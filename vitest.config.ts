import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Half of them wait for other processes: a core that is left free would stand idle.
    maxWorkers: '100%',
    setupFiles: ['test/property-seed.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
