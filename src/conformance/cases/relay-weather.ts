/** Chapter 13 over the in-kit link: datagrams that are lost, doubled, overtaken and damaged on their way. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

/** Faults, and the sentences that a relay keeps because of or in spite of them. */
const WEATHERS: readonly (readonly [string, string, string])[] = [
  ['loss', 'UDP-038 UDP-064', 'loss:0.2'],
  ['duplication', 'UDP-029', 'duplication:0.5'],
  ['reordering', 'UDP-084', 'reordering:0.4'],
  ['corruption', 'UDP-025', 'corruption:0.2'],
  ['all-at-once', 'UDP-029 UDP-025', 'loss:0.08 duplication:0.1 reordering:0.1 corruption:0.08'],
]

/** What people do while it storms. */
const SCENES: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'chat',
    'UDP-050 ROM-001 ROM-003 MSG-006',
    [
      'alice enters',
      'bob enters',
      'alice joins r',
      'bob joins r',
      'alice says r "one"',
      'bob says r "two"',
      'alice says r "three"',
      'bob > leave conversation=#r',
      'alice < event conversation=#r kind=left subject=2 name=$bob value=left',
      'bob < event conversation=#r kind=left subject=2 name=$bob value=left',
      'bob < ok',
    ],
  ],
  [
    'pieces',
    'UDP-050 UDP-049 STR-014',
    [
      'alice enters',
      'bob enters',
      'alice joins r',
      'bob joins r',
      'alice floods r 4 20000',
      'bob drains #r',
      'alice > send conversation=#r body="a"*body_bytes',
      'bob < message conversation=#r ref=5 sender=alice@r body="a"*body_bytes',
      'alice < message conversation=#r ref=5 body="a"*body_bytes',
    ],
  ],
  [
    'two-rooms',
    'UDP-050 STR-011 SES-010',
    [
      'alice enters',
      'alice joins r',
      'alice joins s',
      '20 times alice > send conversation=#r body="r"',
      '20 times alice > send conversation=#s body="s"',
      '20 times alice < message conversation=#r body="r"',
      '20 times alice < message conversation=#s body="s"',
      'alice quiet #r',
      'alice quiet #s',
    ],
  ],
  [
    'requests',
    'SES-006 STR-010',
    ['alice enters', '30 times alice > whois name=$alice', '30 times alice < identity request=* name=$alice'],
  ],
]

function text(): string {
  return WEATHERS.flatMap(([weather, ids, options]) =>
    SCENES.flatMap(([scene, also, steps]) => [
      `= UDP/${scene}-in-${weather} : ${union(also, ids)} | udp ${options}`,
      ...steps,
    ]),
  ).join('\n')
}

/** Both lists, nothing twice. */
function union(first: string, second: string): string {
  return [...new Set([...first.split(' '), ...second.split(' ')])].join(' ')
}

/** Cases about bad links for a relay. */
export const RELAY_WEATHER: readonly Case[] = casesOf('core-relay', text())
