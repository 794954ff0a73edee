/** Chapters 3 and 4, as a relay obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= FRM-001/every-answer : FRM-001 FRM-002 FRM-004 FRM-009 LIM-007 STR-001 STR-010 STR-011 STR-012
& SES-006 SES-007 ROM-002 ROM-019 ROM-026 MOD-001
alice enters
bob enters
alice joins r
bob joins r options=members
alice > setTopic conversation=#r topic="t"*topic_bytes
alice < event conversation=#r kind=topic actor=alice@r text="t"*topic_bytes
bob < event conversation=#r kind=topic actor=alice@r text="t"*topic_bytes
alice < ok
alice > send conversation=#r body="a"*31
alice < message conversation=#r body="a"*31
bob < message conversation=#r body="a"*31
alice > send conversation=#r body="a"*255
alice < message conversation=#r body="a"*255
bob < message conversation=#r body="a"*255
alice > send conversation=#r body="a"*256
alice < message conversation=#r body="a"*256
bob < message conversation=#r body="a"*256
alice > send conversation=#r body="a"*body_bytes
alice < message conversation=#r body="a"*body_bytes
bob < message conversation=#r body="a"*body_bytes
bob > who conversation=#r
bob < members members=[alice,bob] more=false
bob > whois name=$alice
bob < identity name=$alice key=$alice online=true role=member
bob > list
bob < rooms
bob > setTopic conversation=#r topic="no"
bob < error code=not_permitted

= FRM-002/integers-at-every-edge : FRM-002 FRM-001
alice enters
alice > ping nonce=127
alice < pong nonce=127
alice > ping nonce=128
alice < pong nonce=128
alice > ping nonce=255
alice < pong nonce=255
alice > ping nonce=256
alice < pong nonce=256
alice > ping nonce=65535
alice < pong nonce=65535
alice > ping nonce=65536
alice < pong nonce=65536
alice > ping nonce=4294967295
alice < pong nonce=4294967295
alice > ping nonce=4294967296
alice < pong nonce=4294967296

= FRM-002/bytes-at-every-edge : FRM-002 FRM-001
alice, bob in r
alice > send conversation=#r body="a"*31
alice < message conversation=#r body="a"*31
bob < message conversation=#r body="a"*31
alice > send conversation=#r body="a"*32
alice < message conversation=#r body="a"*32
bob < message conversation=#r body="a"*32
alice > send conversation=#r body="a"*255
alice < message conversation=#r body="a"*255
bob < message conversation=#r body="a"*255
alice > send conversation=#r body="a"*256
alice < message conversation=#r body="a"*256
bob < message conversation=#r body="a"*256
alice > send conversation=#r body="a"*257
alice < message conversation=#r body="a"*257
bob < message conversation=#r body="a"*257

= FRM-002/text-at-every-edge : FRM-002 FRM-001
alice, bob in r
alice > setTopic conversation=#r topic="t"*31
alice < event conversation=#r kind=topic actor=alice@r text="t"*31
bob < event conversation=#r kind=topic actor=alice@r text="t"*31
alice < ok
alice > setTopic conversation=#r topic="t"*32
alice < event conversation=#r kind=topic actor=alice@r text="t"*32
bob < event conversation=#r kind=topic actor=alice@r text="t"*32
alice < ok
alice > setTopic conversation=#r topic="t"*255
alice < event conversation=#r kind=topic actor=alice@r text="t"*255
bob < event conversation=#r kind=topic actor=alice@r text="t"*255
alice < ok
alice > setTopic conversation=#r topic="t"*256
alice < event conversation=#r kind=topic actor=alice@r text="t"*256
bob < event conversation=#r kind=topic actor=alice@r text="t"*256
alice < ok

= FRM-002/lists-of-fifteen-and-sixteen : FRM-002 FRM-001 ROM-020
pa, pb, pc, pd, pe, pf, pg, ph, pi, pj, pk, pl, pm, pn, po in r
pa > who conversation=#r
pa < members members=[pa,pb,pc,pd,pe,pf,pg,ph,pi,pj,pk,pl,pm,pn,po] more=false
pp enters
pp joins r
pa > who conversation=#r
pa < members members=[pa,pb,pc,pd,pe,pf,pg,ph,pi,pj,pk,pl,pm,pn,po,pp] more=false

= STR-001/several-in-a-row : STR-001 SES-010
alice, bob in r
alice > send conversation=#r body=hex:ff*500
alice < message conversation=#r body=hex:ff*500
bob < message conversation=#r body=hex:ff*500
alice > send conversation=#r body="1"
alice > send conversation=#r body="2"*300
alice > ping nonce=3 conversation=#r
alice < message conversation=#r body="1"
alice < message conversation=#r body="2"*300
alice < pong nonce=3 conversation=#r
bob < message conversation=#r body="1"
bob < message conversation=#r body="2"*300

= FRM-004/text-bounds : FRM-004 ERR-001
alice enters
alice > join room="a"*room_name_bytes
alice < error code=bad_room_name
alice > direct name=$nobody
alice < error code=no_such_name

= FRM-010/unlisted-content-kind : FRM-010 MSG-007 MSG-006
alice, bob in r
alice > send conversation=#r kind=200 body=hex:00ff80
alice < message conversation=#r kind=200 body=hex:00ff80 sender=alice@r
bob < message conversation=#r kind=200 body=hex:00ff80 sender=alice@r

= FRM-010/unlisted-close-code : FRM-010 ERR-004 SES-019
alice enters
alice > close code=0x01fe text="later edition"
alice ended

= STR-001/length-first : STR-001 HSK-003
alice opens
alice > hello
alice < challenge version=1

= STR-002/length-zero : STR-002 SES-003
alice opens
alice > raw 00000000
alice closed bad_frame

= STR-002/length-zero-open : STR-002 SES-003
alice enters
alice > raw 00000000
alice closed bad_frame

= STR-003/length-alone : STR-003 STR-004
alice opens
alice > raw 00000401
alice closed frame_too_large

= STR-003/length-alone-open : STR-003 STR-004
alice enters
alice > raw 00010001
alice closed frame_too_large

= STR-003/greatest-length : STR-003
alice enters
alice > raw ffffffff
alice closed frame_too_large

= STR-003/small-limit : STR-003 STR-004 LIM-003 | small
alice enters
alice > raw 00001001
alice closed frame_too_large

= STR-004/expect-auth : STR-004 STR-003
alice greets
alice > raw 00000401
alice closed frame_too_large

= STR-004/longest-in-handshake : STR-004
alice opens
alice > body 9270c503fb${'00'.repeat(1019)} about=grease
alice > hello
alice < challenge

= STR-004/longest-when-open : STR-004
alice enters
alice > body 9270c50ffb${'00'.repeat(0xffb)} about=grease
alice quiet

= STR-007/byte-by-byte : STR-007 STR-008
alice in r
alice > cut 00000004930707000000000493070800
alice < pong nonce=7 conversation=0
alice < pong nonce=8 conversation=0

= STR-007/two-at-once : STR-007 STR-014
alice enters
alice > raw 00000004930701000000000493070200
alice < pong nonce=1 conversation=0
alice < pong nonce=2 conversation=0

= STR-007/cut-within-length : STR-007
alice enters
alice > raw 0000
alice > raw 0004930709
alice > raw 00
alice < pong nonce=9 conversation=0

= STR-008/sixteen-thousand-pieces : STR-008 SEC-005 | tcp
alice enters
alice > cut 0000400092 70c53ffb${'00'.repeat(0x3ffb)}
alice quiet

= STR-009/unfinished-frame : STR-009 SES-027
alice, bob in r
alice > raw 000000ff9520
alice ends
alice ended
bob quiet #r

= STR-013/any-lane : STR-013 | udp
alice, bob in r
alice > send conversation=#r body="x" lane=9
alice < message conversation=#r body="x"
bob < message conversation=#r body="x"
alice > ping nonce=5 conversation=0 lane=17
alice < pong nonce=5 conversation=0

= STR-014/order-in-a-lane : STR-014 ROM-033 SES-010
alice in r
alice > send conversation=#r ref=1 body="1"
alice > setTopic conversation=#r topic="2"
alice > send conversation=#r ref=2 body="3"
alice > ping nonce=4 conversation=#r
alice < message conversation=#r ref=1 body="1"
alice < event conversation=#r kind=topic actor=alice@r text="2"
alice < ok
alice < message conversation=#r ref=2 body="3"
alice < pong conversation=#r nonce=4
`

/** Framing cases for a relay. */
export const RELAY_FRAMING: readonly Case[] = casesOf('core-relay', CASES)
