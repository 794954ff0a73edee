/** Chapters 6 to 11, as a client obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= C-SES-005/numbers : SES-005
client enters
client asks whois name="x"
client asks whois name="y"
client asks list after=""
client < whois name="x" request=?a
client < whois name="y" request=?b
client < list request=?c
client checks differ a b
client checks differ b c
client checks differ a c
client > error request=$a code=no_such_name
client tells error request=$a code=no_such_name
client asks whois name="z"
client < whois request=?d
client checks differ d b
client checks differ d c

= C-SES-008/answer-nobody-waits-for : SES-008
client enters
client > identity request=77 name="x" key=$client
client > ok request=78
client > members request=79 conversation=0
client > rooms request=80
client > error request=81 code=bad_value
client quiet

= C-SIG-009/nobody-it-knows : SIG-009
client enters
client > joined request=77 conversation=9 name="r"
client tells joined conversation=9
client > signalled conversation=9 sender=77 kind=1 value=1
client > signalled conversation=4000000 sender=1 kind=1 value=1
client > signalled conversation=9 sender=1 kind=191 value=9007199254740991
client quiet
client > event conversation=9 seq=1 kind=topic
client tells entry conversation=9 seq=1

= C-SES-008/answered-twice : SES-008
client enters
client asks whois name="x"
client < whois request=?a
client > error request=$a code=no_such_name
client tells error code=no_such_name
client > error request=$a code=no_such_name
client quiet
client untold error

= C-SES-008/joined-is-real : SES-008 ROM-028 LIM-008
client enters
client > joined request=77 conversation=9 name="r"
client tells joined conversation=9
client > event conversation=9 seq=1 kind=topic
client tells entry conversation=9 seq=1

= C-SES-009/pong : SES-009
client enters
client > ping nonce=0 conversation=0
client < pong nonce=0 conversation=0
client > ping nonce=9007199254740991 conversation=77
client < pong nonce=9007199254740991 conversation=77

= C-SES-009/lanes : SES-009 STR-010 STR-011
client enters lanes=64
client > ping nonce=5 conversation=77
client < pong nonce=5 conversation=77
client > ping nonce=6 conversation=0
client < pong nonce=6 conversation=0

= C-SES-010/after-effects : SES-010
client in r
client > event conversation=#r seq=2 kind=topic text="x"
client > ping nonce=5 conversation=#r
client < pong nonce=5 conversation=#r
client tells entry seq=2

= C-SES-012/unasked-pong : SES-012
client enters
client > pong nonce=5 conversation=0
client > pong nonce=6 conversation=9
client quiet

= C-SES-013/ping-after-silence : SES-013 SES-016 SES-041
client enters
client waits ping_ms-1
client silent
client waits 1
client < ping conversation=0 nonce=?n
client > pong nonce=$n conversation=0
client waits ping_ms-1
client silent
client waits 1
client < ping conversation=0

= C-SES-041/only-listens : SES-041
client enters
client waits ping_ms-1
client gets whole 000000029170
client silent
client waits 1
client < ping conversation=0

= C-SES-014/no-pong : SES-014
client enters
client waits ping_ms
client < ping conversation=0
client waits pong_ms-1
client silent
client waits 1
client closed idle_timeout

= C-SES-014/anything-counts : SES-014
client enters
client waits ping_ms
client < ping conversation=0
client waits pong_ms-1
client gets whole 000000029170
client waits 1
client silent
client is open

= C-SES-016/short-patience : SES-016 LIM-003 LIM-004
client enters announce=66:20000
client waits 10000
client < ping conversation=0

= C-SES-017/nothing-after-close : SES-017 SES-020
client in r
client leaves
client < close code=goodbye
client > ping nonce=1 conversation=0
client > event conversation=#r seq=2 kind=topic
client silent

= C-SES-019/no-answer-to-close : SES-019 SES-002
client enters
client > close code=going_away
client silent
client tells closed by=peer code=going_away
client is closed

= C-SES-019/in-handshake : SES-019 SES-002
client starts
client < hello
client > close code=relay_full
client silent
client tells closed by=peer code=relay_full

= C-SES-019/before-ready : SES-019 SES-002
client starts
client < hello
client > challenge
client < auth
client > close code=name_taken
client silent
client tells closed by=peer code=name_taken

= C-SES-019/asks-nothing-afterwards : SES-017 SES-019
client in r
client > close code=kicked
client asks list after=""
client refused
client talks conversation=#r body="x"
client refused
client silent

= C-SES-020/goodbye : SES-020
client enters
client leaves
client < close code=goodbye
client is closed

= C-SES-022/no-second-hello : SES-022 SES-023
client enters
client > close code=replaced retryMs=1000
client tells closed by=peer code=replaced
client waits 100000
client silent

= C-ERR-004/unknown-close : ERR-004 ERR-005 FRM-010
client enters
client > close code=0x01f0
client tells closed by=peer code=0x01f0
client silent

= C-ERR-004/unknown-error : ERR-004 ERR-005 FRM-010
client enters
client asks list after=""
client < list request=?a
client > error request=$a code=0x03f0
client tells error code=0x03f0
client quiet

= C-ERR-002/text-means-nothing : ERR-002
client enters
client asks list after=""
client < list request=?a
client > error request=$a code=bad_value text="goodbye"
client tells error code=bad_value
client > close code=replaced text="banned" retryMs=0
client tells closed by=peer code=replaced

= C-STR-004/longest-in-handshake : STR-005
client starts
client < hello
client gets whole 00000401
client closed frame_too_large

= C-STR-005/before-ready : STR-005
client starts
client < hello
client > challenge
client < auth
client gets whole 00000401
client closed frame_too_large

= C-STR-005/when-open : STR-005 STR-003
client enters
client gets whole 00010001
client closed frame_too_large

= C-STR-005/as-long-as-allowed : STR-005
client enters
client > body 9270c50ffb${'00'.repeat(0xffb)} about=grease
client quiet

= C-STR-005/not-what-is-announced : STR-005 LIM-003
client enters announce=1:1024
client > body 9270c50ffb${'00'.repeat(0xffb)} about=grease
client quiet

= C-STR-006/frame-bytes-announced : STR-006 LIM-003
client enters announce=1:1024
client joins r
client talks conversation=#r body="a"*1024
client refused
client silent
client talks conversation=#r body="a"*900
client < send conversation=#r ref=1 body="a"*900

= C-STR-006/request-too-long : STR-006
client enters announce=1:1024
client asks announce text="a"*1100
client refused
client silent

= C-LIM-003/body-bytes : LIM-003 FRM-004
client enters announce=3:100
client joins r
client talks conversation=#r body="a"*101
client refused
client talks conversation=#r body="a"*100
client < send conversation=#r ref=1

= C-LIM-004/unknown-limits : LIM-004
client enters announce=9999:1,8:1,65:1
client joins r
client talks conversation=#r body="hello"
client < send conversation=#r ref=1 body="hello"
client waits 1000
client silent

= C-STR-007/byte-by-byte : STR-007
client enters
client gets cut 000000049307090000000005930709cc80
client < pong nonce=9 conversation=0
client < pong nonce=9 conversation=128

= C-STR-009/unfinished : STR-009
client enters
client gets whole 000000ff93
client loses
client tells closed by=link
client silent

= C-STR-013/any-lane : STR-013
client enters lanes=64
client > ping nonce=7 conversation=0 lane=33
client < pong nonce=7 conversation=0
client > joined conversation=1 request=0 name="r"
client tells joined conversation=1
client > message conversation=1 seq=1 sender=2 ref=1 body="a" lane=0
client tells message conversation=1 seq=1
client > message conversation=1 seq=2 sender=2 ref=2 body="b" lane=63
client tells message conversation=1 seq=2

= C-STR-014/order-in-a-lane : STR-014
client enters
client gets whole 00000004930701000000000493070200
client < pong nonce=1 conversation=0
client < pong nonce=2 conversation=0

= C-STR-015/other-lanes-overtake-ready : STR-015 STR-014
client starts lanes=64
client < hello
client > challenge
client < auth
client > joined conversation=1 request=0 name="r" kind=direct
client > message conversation=1 seq=1 ref=1 body="early"
client is expect_ready
client > ready
client tells ready
client tells joined conversation=1
client tells message conversation=1 seq=1
client quiet

= C-STR-012/one-lane : STR-012
client in r
client talks conversation=#r body="x"
client < send conversation=#r ref=1

= C-STR-011/lane-of-a-conversation : STR-011 STR-010
client enters lanes=64
client > joined conversation=130 request=0 name="r"
client tells joined conversation=130
client talks conversation=130 body="x"
client < send conversation=130 ref=1 body="x"
client asks leave conversation=130
client < leave conversation=130
client > error request=0 conversation=130 ref=1 code=not_a_member
client asks join room="x" options=0
client < join room="x"

= C-ROM-007/unknown-event : ROM-007 FRM-010
client in r
client > event conversation=#r seq=2 kind=200 text="later"
client > event conversation=#r seq=3 kind=topic text="x"
client tells entry seq=3
client quiet

= C-ROM-008/gap : ROM-008
client in r
client > event conversation=#r seq=3 kind=topic text="x"
client closed bad_frame

= C-ROM-008/again : ROM-008
client in r
client > event conversation=#r seq=1 kind=topic text="x"
client closed bad_frame

= C-ROM-008/message-gap : ROM-008
client in r
client > message conversation=#r seq=3 ref=1 body="x"
client closed bad_frame

= C-ROM-008/not-a-member : ROM-008
client enters
client > message conversation=9 seq=1 ref=1 body="x"
client closed bad_frame

= C-ROM-008/event-of-another : ROM-008
client in r
client > event conversation=9 seq=2 kind=topic text="x"
client closed bad_frame

= C-ROM-008/after-leaving : ROM-008 ROM-018
client in r
client asks leave conversation=#r
client < leave conversation=#r request=?a
client > event conversation=#r seq=2 kind=left subject=1 name=$client value=left
client > ok request=$a conversation=#r
client tells entry seq=2
client > event conversation=#r seq=3 kind=topic
client closed bad_frame

= C-ROM-008/after-kick : ROM-008
client in r
client > event conversation=#r seq=2 kind=kicked subject=1 name=$client actor=2
client tells entry seq=2
client > message conversation=#r seq=3 ref=1 sender=2 body="x"
client closed bad_frame

= C-ROM-008/begins-at-joined : ROM-002
client enters
client > joined request=0 conversation=4 seq=41 name="r"
client > event conversation=4 seq=42 kind=joined subject=1 name=$client key=$client
client tells entry conversation=4 seq=42
client quiet

= C-ROM-044/gap : ROM-044
client in r
client > gap conversation=#r from=2 to=5 reason=1
client > event conversation=#r seq=6 kind=topic text="x"
client tells entry seq=6
client quiet

= C-ROM-044/gap-and-gap : ROM-044 ROM-008
client in r
client > gap conversation=#r from=2 to=5 reason=1
client > event conversation=#r seq=8 kind=topic text="x"
client closed bad_frame

= C-ROM-055/history-that-is-none : ROM-055
client in r
client asks fetch conversation=#r from=1 count=10
client < fetch conversation=#r from=1 count=10 request=?a
client > history request=$a conversation=#r entries=hex:ff more=false
client closed bad_frame

= C-ROM-034/confirmed-direct : ROM-034 MSG-001
client enters
client > joined request=0 conversation=4 kind=direct name="bob" alias=1
client tells joined conversation=4
client talks conversation=4 body="1"
client < send conversation=4 ref=1
client > message conversation=4 seq=1 sender=1 ref=1 body="1"
client tells message seq=1 ref=1
client > joined request=0 conversation=4 kind=direct name="bob" alias=1 seq=0 ref=0
client talks conversation=4 body="2"
client < send conversation=4 ref=2
client > message conversation=4 seq=2 sender=1 ref=2 body="2"
client tells message seq=2 ref=2
client quiet

= C-ROM-034/followed-again : ROM-034
client enters
client > joined request=0 conversation=4 kind=direct name="bob" alias=1 log=hex:0102030405060708
client tells joined conversation=4
client > message conversation=4 seq=1 sender=2 ref=1 body="1"
client tells message seq=1
client asks follow conversation=4 log=hex:0102030405060708 seq=0
client < follow conversation=4 seq=0 request=?a
client > joined request=$a conversation=4 kind=direct name="bob" alias=1 log=hex:0102030405060708 seq=0 head=1
client > message conversation=4 seq=1 sender=2 ref=1 body="1"
client tells message seq=1
client > joined request=0 conversation=4 kind=direct name="bob" alias=1 log=hex:0102030405060708 seq=0
client > message conversation=4 seq=2 sender=2 ref=2 body="2"
client tells message seq=2

= C-MSG-001/refs : MSG-001
client in r
client talks conversation=#r body="1"
client talks conversation=#r body="2"
client talks conversation=#r body="3"
client < send conversation=#r ref=1 body="1"
client < send conversation=#r ref=2 body="2"
client < send conversation=#r ref=3 body="3"

= C-MSG-001/from-joined : MSG-001
client enters
client > joined request=0 conversation=4 ref=7 name="r"
client tells joined conversation=4
client talks conversation=4 body="8"
client < send conversation=4 ref=8

= C-MSG-001/each-conversation : MSG-001
client in r
client joins s
client talks conversation=#r body="1"
client talks conversation=#s body="1"
client < send conversation=#r ref=1
client < send conversation=#s ref=1

= C-MSG-002/window : MSG-002 SES-039
client enters announce=51:1000000000,52:1000000000,53:1000000000,54:1000000000
client joins r
256 times client talks conversation=#r body="x"
client talks conversation=#r body="x"
client refused
256 times client < send conversation=#r
client silent
client > message conversation=#r seq=2 sender=1 ref=1 body="x"
client talks conversation=#r body="x"
client < send conversation=#r ref=257
client talks conversation=#r body="x"
client refused

= C-MSG-019/bytes-under-way : MSG-019
client in r
4 times client talks conversation=#r body="a"*60000
4 times client < send conversation=#r
client talks conversation=#r body="a"*60000
client refused
client silent
client > message conversation=#r seq=2 sender=1 ref=1 body="a"
client talks conversation=#r body="a"*60000
client < send conversation=#r ref=5

= C-MSG-019/as-many-bytes-as-may-be : MSG-019
client in r
4 times client talks conversation=#r body="a"*60000
4 times client < send conversation=#r
client talks conversation=#r body="a"*22144
client < send conversation=#r ref=5
client talks conversation=#r body="a"
client refused

= C-MSG-019/one-may-always-be : MSG-019
client in r
client talks conversation=#r body="a"*61440
client < send conversation=#r ref=1

= C-MSG-020/after-a-refusal : MSG-020 MSG-001
client in r
client talks conversation=#r body="1"
client talks conversation=#r body="2"
client < send conversation=#r ref=1
client < send conversation=#r ref=2
client > error request=0 conversation=#r ref=1 code=body_too_large
client tells error ref=1
client talks conversation=#r body="3"
client refused
client silent
client > error request=0 conversation=#r ref=2 code=ref_gap
client talks conversation=#r body="4"
client < send conversation=#r ref=1 body="4"

= C-MSG-027/join-after-a-kick : MSG-027 MSG-001
client in r
client talks conversation=#r body="1"
client < send conversation=#r ref=1
client > event conversation=#r seq=2 kind=kicked subject=1 name=$client actor=2
client tells entry seq=2
client asks join room="r" options=0
client silent
client > error request=0 conversation=#r ref=1 code=not_a_member
client < join room="r"

= C-MSG-027/join-after-leaving : MSG-027
client in r
client talks conversation=#r body="1"
client < send conversation=#r ref=1
client asks leave conversation=#r
client < leave conversation=#r request=?a
client asks direct name="x"
client silent
client > message conversation=#r seq=2 ref=1 sender=1 body="1"
client tells message seq=2
client < direct name="x"

= C-MSG-011/unknown-kind : MSG-011 FRM-010
client in r
client > message conversation=#r seq=2 sender=2 ref=1 kind=200 body=hex:c1ff
client tells message kind=200
client quiet

= C-MSG-011/broken-text : MSG-011
client in r
client > message conversation=#r seq=2 sender=2 ref=1 kind=text body=hex:ff
client > message conversation=#r seq=3 sender=2 ref=2 kind=text body=""
client > message conversation=#r seq=4 sender=2 ref=3 kind=part body=hex:c1
client tells message seq=2
client tells message seq=4
client quiet

= C-LIM-008/many-pings : LIM-008 SES-009
client enters
500 times client > ping nonce=1 conversation=0
500 times client < pong nonce=1

= C-CNF-003/request-and-send : CNF-003 CNF-004
client in r
client asks list after=""
client < list after=""
client talks conversation=#r body="x"
client < send conversation=#r body="x"

= C-CNF-003/close : CNF-003 CNF-004
client enters
client is open
client leaves
client < close code=goodbye
client is closed

= C-CNF-003/end : CNF-003 CNF-004
client enters
client loses
client tells closed by=link
client is closed

= C-CNF-004/refused : CNF-004
client enters
client talks conversation=77 body="x"
client refused
client silent

= C-CNF-004/deadline : CNF-004 CNF-002 SES-013
client enters
client waits ping_ms
client < ping conversation=0

= C-EXT-004/nothing-by-itself : EXT-004 EXT-001
client enters
client quiet

= C-EXT-005/grease : EXT-005 FRM-011 SES-004
client starts
client < hello
client gets whole 000000029170
client > challenge trailing=hex:c0
client < auth
client gets whole 00000003927fc0
client > ready
client tells ready
client gets whole 000000029170
client quiet

= C-EXT-009/little-grease : EXT-009 EXT-005
client in r
200 times client talks conversation=#r body="x"
200 times client < send conversation=#r

= C-FRM-010/unlisted-role : FRM-010
client enters
client > joined request=0 conversation=4 role=77 name="r"
client tells joined conversation=4
client quiet

= C-FRM-010/unlisted-leave-reason : FRM-010
client in r
client > event conversation=#r seq=2 kind=left subject=2 name="x" value=99
client tells entry seq=2
client quiet
`

/** Session cases for a client. */
export const CLIENT_SESSION: readonly Case[] = casesOf('core-client', CASES)
