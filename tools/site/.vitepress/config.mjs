import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGES = join(import.meta.dirname, '..', '.pages')

/** Pages of a folder by their first heading. */
function items(folder, matches) {
  if (!existsSync(join(PAGES, folder))) return []
  return readdirSync(join(PAGES, folder))
    .filter((name) => name.endsWith('.md') && matches.test(name))
    .sort()
    .map((name) => {
      const text = readFileSync(join(PAGES, folder, name), 'utf8')
      const title = /^# (.*)$/mu.exec(text)?.[1] ?? name
      return { text: title, link: `/${folder}/${name.replace(/\.md$/u, '')}`.replace('//', '/') }
    })
}

/** The anchors that GitHub gives to headings, so that links work there and here. */
function slugify(text) {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

const sidebar = [
  { text: 'Palaver', items: [{ text: 'What this is', link: '/' }] },
  { text: 'Walk-throughs', items: items('guide', /./u) },
  {
    text: 'Chapters',
    items: items('.', /^\d\d-/u).map((each) => ({ ...each, link: each.link.replace('/./', '/') })),
  },
  { text: 'Annexes', items: items('annex', /./u) },
  {
    text: 'Data',
    items: [
      { text: 'Index of requirements', link: '/generated/requirements' },
      { text: 'Vectors', link: '/vectors/README' },
      { text: 'All in one text file', link: '/palaver-spec.txt', target: '_blank' },
    ],
  },
]

export default {
  title: 'Palaver',
  description: 'The specification of the Palaver chat protocol',
  lang: 'en',
  srcDir: '.pages',
  outDir: 'dist',
  cacheDir: '.cache',
  cleanUrls: false,
  lastUpdated: false,
  ignoreDeadLinks: [/^\/(registry|vectors|generated|examples)\//u, /LICENSE/u, /palaver-spec/u],
  markdown: { anchor: { slugify }, headers: { slugify }, lineNumbers: false },
  themeConfig: {
    nav: [
      { text: 'A client in 45 minutes', link: '/guide/client' },
      { text: 'Overview', link: '/02-overview' },
      { text: 'Requirements', link: '/generated/requirements' },
    ],
    sidebar,
    outline: { level: [2, 3], label: 'On this page' },
    search: { provider: 'local' },
    docFooter: { prev: 'Before', next: 'After' },
    externalLinkIcon: false,
  },
}
