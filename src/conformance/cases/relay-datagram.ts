/** Chapter 13, as a relay obeys it: steps at the level of packets. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

/** A malformed payload and the CLOSE that it is worth: frame_encoding, unknown_frame, flow_control ... */
const FAULTS: readonly (readonly [string, string, string, number])[] = [
  ['long-varint', 'UDP-040', '044005', 2],
  ['varint-above-number-max', 'UDP-040', '04ffffffffffffffff', 2],
  ['four-bytes-for-16383', 'UDP-040', '0480003fff', 2],
  ['eight-bytes-for-1073741823', 'UDP-040', '04c00000003fffffff', 2],
  ['varint-cut-within-two', 'UDP-041 UDP-040', '0440', 2],
  ['varint-cut-within-four', 'UDP-041 UDP-040', '04800040', 2],
  ['varint-cut-within-eight', 'UDP-041 UDP-040', '04c0000000400000', 2],
  ['credit-cut', 'UDP-041', '04', 2],
  ['lane-cut', 'UDP-041', '1000000aff', 2],
  ['close-cut', 'UDP-041', '030005', 2],
  ['challenge-cut', 'UDP-041', '0601020304', 2],
  ['padding-alone', 'UDP-042', '00000000000000', 2],
  ['new-cid-cut', 'UDP-041', `0801${'aa'.repeat(23)}`, 2],
  ['new-cid-of-too-many', 'UDP-125', `0805${'aa'.repeat(24)}`, 2],
  ['new-cid-that-changes', 'UDP-125', `0801${'aa'.repeat(24)}0801${'bb'.repeat(24)}`, 2],
  ['new-cid-that-comes-twice', 'UDP-125', `0801${'aa'.repeat(24)}0802${'aa'.repeat(24)}`, 2],
  ['retire-cid-never-given', 'UDP-126', '0905', 2],
  ['retire-cid-in-use', 'UDP-126', '0900', 2],
  ['unknown-frame-between', 'UDP-044', '0b', 3],
  ['unknown-frame', 'UDP-044', '3f', 3],
  ['unknown-frame-of-two-bytes', 'UDP-044', '4040', 3],
  ['ack-below-zero', 'UDP-045', '0200000005', 2],
  ['ack-of-33-pairs', 'UDP-045', `024200402100${'0000'.repeat(33)}`, 2],
  ['ack-cut-behind-its-type', 'UDP-041', '02', 2],
  ['ack-cut-behind-largest', 'UDP-041', '0200', 2],
  ['ack-cut-behind-delay', 'UDP-041', '020000', 2],
  ['ack-cut-behind-count', 'UDP-041', '02000000', 2],
  ['ack-cut-behind-first', 'UDP-041', '0200000100', 2],
  ['ack-cut-behind-gap', 'UDP-041', '020000010000', 2],
  ['ack-gap-below-zero', 'UDP-045', '02000001000500', 2],
  ['ack-length-below-zero', 'UDP-045', '02000001000005', 2],
  ['reason-of-129-bytes', 'UDP-046', `03004081${'61'.repeat(129)}`, 2],
  ['lane-without-bytes', 'UDP-047', '10000000', 2],
  ['rest-without-bytes', 'UDP-047 UDP-048', '110000', 2],
  ['lane-beyond-number-max', 'UDP-047', '1000c01fffffffffffff020102', 2],
  ['lane-64', 'UDP-048', '1040400001ff', 2],
  ['lane-beyond-its-credit', 'UDP-054 UDP-047', '10008004000001ff', 4],
  ['beyond-the-connection-credit', 'UDP-054 UDP-082', '1000801fffff01ff', 4],
  ['token-to-a-relay', 'UDP-107', '0a02aabb', 2],
  ['false-ack', 'UDP-057 UDP-045', '024390000000', 5],
]

const MALFORMED_PARAMETERS: readonly (readonly [string, string])[] = [
  ['twice', '020400100000020400100000'],
  ['wrong-length', '0203000000'],
  ['past-the-end-of-what-is-known', '0405010101010100'],
  ['max-datagram-too-small', '050204af'],
  ['idle-timeout-0', '06020000'],
  ['not-zero-behind-the-end', '0001'],
]

/** Whether padding would become a part of the frame. */
function isLast(name: string, hex: string): boolean {
  return hex.startsWith('11') || /cut|below-zero/u.test(name)
}

function generated(): string {
  const lines: string[] = []
  for (const [name, ids, hex, code] of FAULTS)
    lines.push(
      `= UDP/${name} : ${ids} UDP-071 | udp`,
      'alice connects',
      `alice data ${hex} pad=${isLast(name, hex) ? 'none' : 'yes'}`,
      `alice gets close ${code}`,
    )
  for (const [name, hex] of MALFORMED_PARAMETERS)
    lines.push(
      `= UDP/parameters-${name} : UDP-022 UDP-034 UDP-079 | udp`,
      'alice initial',
      'alice retry',
      `alice initial key=same parameters=${hex}`,
      'alice hears-nothing',
    )
  return lines.join('\n')
}

const CASES = `
= UDP/handshake : UDP-001 UDP-014 UDP-018 UDP-026 UDP-028 UDP-031 UDP-035 UDP-059 UDP-023
& UDP-034 UDP-033 UDP-080 UDP-022 UDP-015 | udp
alice connects

= UDP/short-initial : UDP-010 UDP-079 | udp
alice initial size=1199
alice hears-nothing

= UDP/long-initial : UDP-003 UDP-079 UDP-002 | udp
alice initial size=1453
alice hears-nothing

= UDP/longest-initial : UDP-003 UDP-010 UDP-002 | udp
alice initial size=1452
alice retry

= UDP/other-version : UDP-011 UDP-079 UDP-080 | udp
alice initial version=2
alice refuse 1

= UDP/other-version-short : UDP-010 UDP-079 | udp
alice initial version=2 size=1199
alice hears-nothing

= UDP/other-version-odd-layout : UDP-080 UDP-079 | udp
alice is 0102030405060708
alice packet c0ffffffff0102030405060708ff${'ff'.repeat(1186)}
alice refuse 1

= UDP/token-too-long : UDP-002 UDP-079 | udp
alice packet c00000000101020304050607 0841${'aa'.repeat(1186)}
alice hears-nothing

= UDP/first-byte-unknown : UDP-002 UDP-005 | udp
alice packet c9${'00'.repeat(1199)}
alice packet 41${'00'.repeat(60)}
alice packet 00
alice hears-nothing

= UDP/packets-of-the-relay : UDP-002 | udp
alice packet c100000001010203040506070801aa
alice packet c4${'00'.repeat(24)}
alice packet c2${'00'.repeat(200)}
alice hears-nothing

= UDP/short-data : UDP-005 | udp
alice packet 40${'00'.repeat(28)}
alice hears-nothing

= UDP/made-up-token : UDP-014 UDP-015 | udp
alice initial token=${'ab'.repeat(21)}
alice retry

= UDP/token-of-another-key : UDP-015 | udp
alice initial
alice retry
alice initial
alice retry

= UDP/token-of-another-address : UDP-015 | udp
alice initial
alice retry
alice moves
alice initial key=same
alice retry

= UDP/retry-is-short : UDP-031 UDP-014 | udp
alice initial
alice retry

= UDP/accept-again : UDP-017 UDP-079 | udp
alice initial
alice retry
alice initial key=same
alice accept
alice again
alice same-accept
alice again
alice same-accept

= UDP/accept-four-times : UDP-017 | udp
alice initial
alice retry
alice initial key=same
alice accept
alice again
alice same-accept
alice again
alice same-accept
alice again
alice same-accept
alice again
alice hears-nothing

= UDP/all-zero-key : UDP-033 UDP-079 | udp
alice initial key=zero
alice retry
alice initial key=zero
alice hears-nothing

= UDP/unknown-parameters : UDP-021 UDP-081 | udp
alice connects parameters=6400630201020101400710${'00'.repeat(16)}0806000000000000020400100000030400040000

= UDP/unknown-features : UDP-081 | udp
alice connects parameters=0a04ffffffff020400100000030400040000

= UDP/no-data-before-data : UDP-023 | udp
alice initial
alice retry
alice initial key=same
alice accept
alice hears-nothing

= UDP/broken-tag : UDP-025 | udp
alice connects
alice data 3f flip=yes number=90
alice gets-none close
alice data challenge=0102030405060708 number=90
alice gets path_response 0102030405060708

= UDP/number-again : UDP-029 | udp
alice connects
alice data ping number=7
alice gets ack 7
alice data 3f number=7
alice data 3f number=0
alice gets-none close

= UDP/numbers-nearest : UDP-027 | udp
alice connects
alice data ping number=1000000
alice gets ack 1000000
alice data ping number=3000000000
alice gets ack 3000000000
alice data ping number=4294967301
alice gets ack 4294967301
alice data 3f number=4294967000
alice gets close 3

= UDP/numbers-equally-near : UDP-027 | udp
alice connects
alice data ping number=2000000000
alice gets ack 2000000000
alice data ping number=4147483648
alice gets ack 4147483648
alice data ping number=4294967301
alice gets ack 4294967301
alice data ping number=6442450950
alice gets ack 6442450950

= UDP/varints-of-every-width : UDP-040 UDP-041 UDP-053 | udp
alice connects
alice data 043f
alice data 044040
alice data 047fff
alice data 0480004000
alice data 04bfffffff
alice data 04c000000040000000
alice data 04c01fffffffffffff
alice gets-none close

= UDP/ack-with-a-gap : UDP-045 UDP-057 | udp
alice connects
alice data ping
alice gets ack 1
alice data ping
alice gets ack 2
alice data 02020001000000
alice gets-none close

= UDP/ack-of-all : UDP-045 UDP-057 | udp
alice connects
alice data ping
alice gets ack 1
alice data 0201000001
alice gets-none close

= UDP/lane-63 : UDP-048 UDP-041 | udp
alice connects
alice data lane=63,0,00
alice gets-none close

= UDP/reason-of-128-bytes : UDP-046 UDP-041 UDP-072 | udp
alice connects
alice data 03004080${'61'.repeat(128)}
alice hears-nothing

= UDP/header-is-sealed-in : UDP-026 UDP-025 | udp
alice connects
alice data 3f first=68
alice gets-none close

= UDP/ack-at-once-out-of-order : UDP-059 | udp
alice connects
alice data ping number=20
alice gets ack 20

= UDP/ack-of-every-second : UDP-059 | udp
alice connects
alice data ping
alice data ping
alice gets ack 2

= UDP/unasked-credit : UDP-053 | udp
alice connects
alice data credit=1
alice data credit=0
alice gets-none close

= UDP/no-more-than-the-credit : UDP-037 UDP-001 UDP-028 UDP-054 | udp
alice connects parameters=0204001000000304000000050000 limit=5
alice data lane=0,0,00000000
alice gets lane 0 0
alice gets-none lane

= UDP/full-datagrams : UDP-001 UDP-082 UDP-050 | udp
alice connects
alice enters
alice asks-much
alice acks
alice gets-none close

= UDP/full-datagrams-again : UDP-001 UDP-064 UDP-122 | udp
alice connects
alice enters
alice acks
alice asks-much
alice hears-again

= UDP/credit-is-used : UDP-037 UDP-082 | udp
alice connects parameters=0204001000000304000000050000 limit=5
alice data lane=0,0,00000000
alice gets lane 0 0
alice grants 6
alice gets lane 0 5

= UDP/path-challenge : UDP-095 UDP-041 UDP-028 | udp
alice connects
alice data challenge=0102030405060708
alice gets path_response 0102030405060708

= UDP/five-path-challenges : UDP-095 | udp
alice connects
alice data 060000000000000001060000000000000002060000000000000003060000000000000004060000000000000005
alice gets path_response 0000000000000001
alice gets path_response 0000000000000002
alice gets path_response 0000000000000003
alice gets path_response 0000000000000004
alice gets-none path_response

= UDP/path-response-unasked : UDP-096 | udp
alice connects
alice data 070000000000000001
alice gets-none close

= UDP/lane-in-order : UDP-050 UDP-049 UDP-082 | udp
alice connects
alice data lane=0,4,9170 number=5
alice data lane=0,3,02c1c1 number=6
alice data lane=0,0,000000 number=7
alice gets-none lane

= UDP/lane-pieces-by-one : UDP-050 UDP-084 | udp
alice connects
alice data lane=0,3,00 number=5
alice data lane=0,1,00 number=6
alice data lane=0,2,00 number=7
alice data lane=0,0,00 number=8
alice gets lane 0 0

= UDP/piece-again : UDP-050 UDP-049 | udp
alice connects
alice data lane=0,0,000000
alice data lane=0,0,000000
alice data lane=0,1,000000
alice gets lane 0 0

= UDP/close-ends : UDP-072 UDP-073 | udp
alice connects
alice data close=0
alice hears-nothing
alice data ping
alice data 3f
alice hears-nothing

= UDP/fault-repeated : UDP-073 UDP-071 | udp
alice connects
alice data 3f
alice gets close 3
alice data ping
alice gets close 3
alice data ping
alice hears-nothing

= UDP/reset : UDP-074 | udp alone
alice reset size=43
alice reset answer=none
alice hears-nothing

= UDP/reset-short : UDP-074 | udp
alice reset size=42 answer=none
alice hears-nothing

= UDP/return-token : UDP-105 UDP-079 | udp
alice connects
alice takes-token
bob initial token=$alice
bob accept

= UDP/return-token-twice : UDP-105 UDP-014 | udp
alice connects
alice takes-token
bob initial token=$alice
bob accept
carol initial token=$alice
carol retry

= UDP/return-token-of-another-address : UDP-105 UDP-014 | udp
alice connects
alice takes-token
bob at 2
bob initial token=$alice
bob retry

= UDP/keys-change : UDP-108 UDP-110 | udp
alice connects
alice updates
alice data ping number=10
alice gets ack 10 phase=1
alice data ping
alice gets ack * phase=1

= UDP/keys-change-again : UDP-108 UDP-110 | udp
alice connects
alice updates
alice data ping number=10
alice gets ack 10 phase=1
alice updates
alice data ping number=20
alice gets ack 20 phase=0

= UDP/keys-change-too-soon : UDP-110 UDP-071 UDP-057 UDP-045 | udp
alice connects
alice updates
alice acks number=10
alice updates
alice data ping number=11
alice gets close 7

= UDP/old-keys-for-new-numbers : UDP-111 | udp
alice connects
alice updates
alice data ping number=10
alice gets ack 10 phase=1
alice data 3f number=20 old=yes
alice gets-none close

= UDP/moved : UDP-094 UDP-096 UDP-097 UDP-028 | udp
alice connects
alice moves
alice data ping
alice gets path_challenge

= UDP/moved-and-silent : UDP-096 UDP-097 | udp
alice connects
alice moves
alice data ping
alice gets path_challenge
alice data ping
alice hears-nothing but path_challenge

= UDP/moved-and-answered-wrongly : UDP-096 UDP-097 | udp
alice connects
alice moves
alice data ping
alice gets path_challenge
alice data 070000000000000000
alice data ping
alice hears-nothing but path_challenge

= UDP/moved-and-answered : UDP-094 UDP-096 | udp
alice connects
alice moves
alice data ping
alice answers-challenge
alice data ping
alice gets ack *

= UDP/token-of-another-time : UDP-015 UDP-079 | udp
alice initial
alice retry
alice initial key=same twist=3
alice retry
alice initial key=same twist=4
alice retry
alice initial key=same twist=20
alice retry

= UDP/token-first : UDP-079 | udp
alice initial
alice retry
alice initial key=same
alice accept
alice initial key=same token=${'ab'.repeat(21)}
alice retry

= UDP/parameters-to-the-last-byte : UDP-022 UDP-021 | udp
alice connects parameters=to-the-end

= UDP/numbers-at-the-very-end : UDP-040 UDP-041 | udp
alice connects
alice data padding*30 043f pad=none
alice data padding*30 044040 pad=none
alice data padding*30 0480004000 pad=none
alice data padding*30 04c000000040000000 pad=none
alice gets-none close

= UDP/nothing-inside : UDP-005 | udp
alice connects
alice data pad=none
alice gets-none close

= UDP/longest-data : UDP-003 UDP-005 | udp
alice connects
alice data ping padding*1422 number=20
alice gets ack 20
alice data 3f padding*1423 number=30
alice gets-none close

= UDP/numbers-equally-near-above : UDP-027 | udp
alice connects
alice data ping number=2000000000
alice gets ack 2000000000
alice data ping number=4147483648
alice gets ack 4147483648
alice data ping number=6294967297
alice gets ack 6294967297

= UDP/lane-0 : UDP-048 UDP-050 | udp
alice connects
alice pieces 0-45
alice gets lane 0 0 type=challenge

= UDP/bytes-once : UDP-050 UDP-049 | udp
alice connects
alice pieces 0-45
alice gets lane 0 0 type=challenge
alice pieces 0-45 0-20 44-45
alice gets-none lane

= UDP/pieces-behind-a-gap : UDP-050 UDP-049 | udp
alice connects
alice pieces 30-45 20-25 0-20 25-30
alice gets lane 0 0 type=challenge

= UDP/first-copy-of-what-was-handed-on : UDP-049 UDP-050 | udp
alice connects
alice pieces 0-20 10-30!10-20 30-45
alice gets lane 0 0 type=challenge

= UDP/first-copy-of-what-waits : UDP-049 UDP-050 | udp
alice connects
alice pieces 20-30 10-40!20-30 0-10 40-45
alice gets lane 0 0 type=challenge

= UDP/first-copies-at-both-ends : UDP-049 UDP-050 | udp
alice connects
alice pieces 10-20 30-40 15-35!15-20 12-45!12-40 0-15!10-15
alice gets lane 0 0 type=challenge

= UDP/first-copy-before-what-waits : UDP-049 UDP-050 | udp
alice connects
alice pieces 20-45 0-25!20-25
alice gets lane 0 0 type=challenge

= UDP/256-pieces : UDP-084 UDP-050 UDP-049 | udp
alice connects
alice scatters 256
alice gets lane 0 0 type=challenge

= UDP/lane-credit-to-the-last : UDP-054 UDP-082 | udp
alice connects
alice data lane=0,262143,ff
alice gets-none close
alice data lane=0,262144,ff
alice gets close 4

= UDP/connection-credit-to-the-last : UDP-054 UDP-082 | udp
alice connects
alice data lane=1,262143,ff
alice data lane=2,262143,ff
alice data lane=3,262143,ff
alice data lane=4,262143,ff
alice data lane=4,262143,ff
alice gets-none close
alice data lane=5,0,ff
alice gets close 4

= UDP/connection-credit-of-what-came-between : UDP-082 UDP-054 | udp
alice connects
alice data lane=1,100,ff
alice data lane=1,0,ff
alice data lane=1,262143,ff
alice data lane=2,262143,ff
alice data lane=3,262143,ff
alice data lane=4,262143,ff
alice gets-none close
alice data lane=5,0,ff
alice gets close 4

= UDP/more-credit : UDP-053 UDP-037 UDP-082 | udp
alice connects parameters=020400000005030400100000
alice pieces 0-45
alice gets lane 0 0
alice data credit=4096
alice gets lane 0 5 bytes=20

= UDP/less-credit : UDP-053 | udp
alice connects parameters=020400000005030400100000
alice data credit=4096
alice data credit=6
alice gets-none lane
alice pieces 0-45
alice gets lane 0 0 bytes=20

= UDP/ack-of-the-next : UDP-057 | udp
alice connects
alice acks
alice acks-the-next

= UDP/ack-beside-a-number-left-out : UDP-045 UDP-057 | udp
alice connects
alice learns-a-gap
alice acks max
alice gets-none close

= UDP/ack-of-a-number-left-out : UDP-057 UDP-045 | udp
alice connects
alice learns-a-gap
alice acks max..gap
alice gets close 5

= UDP/second-range-of-a-number-left-out : UDP-057 UDP-045 | udp
alice connects
alice learns-a-gap
alice acks max gap
alice gets close 5

= UDP/third-range-of-a-number-left-out : UDP-057 UDP-045 | udp
alice connects
alice learns-a-gap
alice acks max max-2..max-4 gap
alice gets close 5

= UDP/ranges-beside-a-number-left-out : UDP-045 UDP-057 | udp
alice connects
alice learns-a-gap
alice acks max gap+3..gap+1
alice gets-none close

= UDP/ranges-around-a-number-left-out : UDP-045 UDP-057 | udp
alice connects
alice learns-a-gap
alice acks max..gap+1 gap-1..gap-9
alice gets-none close

= UDP/range-of-twelve : UDP-045 | udp
alice connects
alice learns-a-gap
alice acks max max-2..max-13
alice gets-none close

= UDP/ack-of-32-pairs : UDP-045 | udp
alice connects
alice learns-a-gap
alice acks ${Array.from({ length: 33 }, (_, at) => `gap+${17 - 2 * at}`.replace('+-', '-')).join(' ')}
alice gets-none close

= UDP/retired-and-replaced : UDP-126 UDP-124 | udp
alice connects
alice pieces 0-45
alice gets lane 0 0
alice sends-to 1
alice sends-to 0
alice data 0901
alice data challenge=0102030405060708
alice gets new_cid 5
alice gets-none close

= UDP/retired-again : UDP-126 UDP-124 | udp
alice connects
alice pieces 0-45
alice gets lane 0 0
alice sends-to 1
alice sends-to 0
alice data 0901
alice data challenge=0102030405060708
alice gets new_cid 5
alice data 0901
alice data challenge=1112131415161718
alice gets-none new_cid
alice gets-none close

= UDP/retired-and-gone : UDP-126 UDP-124 | udp
alice connects
alice pieces 0-45
alice gets lane 0 0
alice sends-to 1
alice sends-to 0
alice data 0901
alice data challenge=0102030405060708
alice gets new_cid 5
alice sends-to 1
alice data 3f number=90
alice sends-to 0
alice gets-none close

= UDP/first-id-retired : UDP-126 UDP-124 | udp
alice connects
alice pieces 0-45
alice gets lane 0 0
alice sends-to 1
alice data 0900
alice data challenge=0102030405060708
alice gets new_cid 5
alice gets-none close

= UDP/new-ids : UDP-125 | udp
alice connects
alice data 0801${'aa'.repeat(24)}
alice data 0804${'cc'.repeat(24)}
alice data 0801${'aa'.repeat(24)}
alice gets-none close

= UDP/moved-and-overtaken : UDP-094 | udp
alice connects
alice data ping number=90
alice gets ack 90
alice moves
alice data ping number=80
alice hears-nothing

= UDP/moved-under-another-id : UDP-128 | udp
alice connects
alice data 0801${'aa'.repeat(24)}
alice pieces 0-45
alice gets lane 0 0
alice sends-to 1
alice moves
alice data ping number=90
alice gets path_challenge
alice heard-under ${'aa'.repeat(8)}

= UDP/moved-and-answered-under-another-id : UDP-128 UDP-096 UDP-125 | udp
alice connects
alice data 0801${'aa'.repeat(24)}
alice data 0802${'bb'.repeat(24)}
alice pieces 0-45
alice gets lane 0 0
alice sends-to 1
alice moves
alice data ping number=90
alice answers-challenge number=91
alice data challenge=0102030405060708 number=92
alice gets retire_cid 0
alice heard-under ${'aa'.repeat(8)}
alice data 0805${'ee'.repeat(24)} number=93
alice data 0800${'dd'.repeat(24)} number=94
alice data ping number=95
alice gets ack 95

= UDP/moved-under-the-same-id : UDP-128 | udp
alice connects
alice data 0801${'aa'.repeat(24)}
alice gets-none close
alice moves
alice data ping number=90
alice gets path_challenge
alice heard-under-first
`

/** Datagram cases for a relay. */
export const RELAY_DATAGRAM: readonly Case[] = casesOf('datagram-relay', `${generated()}\n${CASES}`)
