/** Section 7.6 and chapters 9 and 10, as a relay obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= MSG-003/not-a-member : MSG-003 MSG-004 ERR-006
alice enters
alice > send conversation=4000000 ref=1 body="x"
alice < error code=not_a_member conversation=4000000 ref=1

= MSG-003/repeated : MSG-023 MSG-003 MSG-004 MSG-026
alice in r
alice says r "one"
alice > send conversation=#r ref=1 body="again"
alice < error code=ref_repeated conversation=#r ref=1
alice says r "two"

= MSG-003/gap : MSG-003 MSG-004 MSG-005
alice in r
alice > send conversation=#r ref=2 body="x"
alice < error code=ref_gap conversation=#r ref=2
alice > send conversation=#r ref=1 body="y"
alice < message conversation=#r ref=1 body="y"
alice > send conversation=#r ref=2 body="z"
alice < message conversation=#r ref=2 body="z"

= MSG-003/far-gap : MSG-003
alice in r
alice > send conversation=#r ref=9007199254740991 body="x"
alice < error code=ref_gap conversation=#r ref=9007199254740991

= MSG-003/too-large : MSG-003 MSG-005 LIM-003 | small
alice in r
alice > send conversation=#r ref=1 body="a"*body_bytes+"a"
alice < error code=body_too_large conversation=#r ref=1
alice > send conversation=#r ref=1 body="a"*body_bytes
alice < message conversation=#r ref=1 body="a"*body_bytes

= MSG-003/gap-before-too-large : MSG-003 | small
alice in r
alice > send conversation=#r ref=2 body="a"*body_bytes+"a"
alice < error code=ref_gap conversation=#r ref=2

= MSG-003/repeated-before-too-large : MSG-003 MSG-023 | small
alice in r
alice says r "x"
alice > send conversation=#r ref=1 body="a"*body_bytes+"a"
alice < error code=ref_repeated conversation=#r ref=1

= MSG-003/member-before-ref : MSG-003
alice enters
alice > send conversation=4000000 ref=7 body="x"
alice < error code=not_a_member conversation=4000000 ref=7

= MSG-003/too-large-before-offline : MSG-003 | small
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
bob > close
bob ended
alice > send conversation=#d ref=1 body="a"*body_bytes+"a"
alice < error code=body_too_large conversation=#d ref=1

= MSG-005/three-after-a-refusal : MSG-005 MSG-003
alice in r
alice > send conversation=#r ref=1 body="1"
alice > send conversation=#r ref=3 body="3"
alice > send conversation=#r ref=4 body="4"
alice < message conversation=#r ref=1 body="1"
alice < error code=ref_gap conversation=#r ref=3
alice < error code=ref_gap conversation=#r ref=4
alice > send conversation=#r ref=2 body="2"
alice < message conversation=#r ref=2 body="2"

= MSG-006/kinds : MSG-006 MSG-007
alice, bob in r
alice > send conversation=#r kind=action body="waves"
alice < message conversation=#r kind=action ref=1 sender=alice@r body="waves"
bob < message conversation=#r kind=action ref=1 sender=alice@r body="waves"
alice > send conversation=#r kind=part body=hex:c1
alice < message conversation=#r kind=part ref=2 sender=alice@r body=hex:c1
bob < message conversation=#r kind=part ref=2 sender=alice@r body=hex:c1

= MSG-022/position-of-an-earlier-one : MSG-022 MSG-021
alice in r
alice > send conversation=#r ref=1 body="1"
alice < message conversation=#r seq=?first ref=1 body="1"
alice > send conversation=#r ref=2 body="2"
alice < message conversation=#r ref=2 body="2"
alice > send conversation=#r ref=1 body="1"
alice < ack conversation=#r ref=1 seq=$first

= MSG-007/not-utf-8 : MSG-007
alice in r
alice > send conversation=#r kind=text body=hex:fffe00c0
alice < message conversation=#r kind=text body=hex:fffe00c0

= MSG-007/empty : MSG-007
alice in r
alice > send conversation=#r kind=text body=""
alice < message conversation=#r kind=text body=""

= MSG-007/largest : MSG-007 FRM-004
alice in r
alice > send conversation=#r kind=bytes body=hex:00ff*30720
alice < message conversation=#r kind=bytes body=hex:00ff*30720

= MSG-008/over-all-memberships : MSG-008 ROM-045
alice, bob in r
bob says r "1"
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob joins r
bob > send conversation=#r ref=2 body="goes on"
bob < message conversation=#r ref=2 sender=2 body="goes on"
alice < message conversation=#r ref=2 sender=2 body="goes on"

= MSG-008/each-conversation : MSG-008
alice in r
alice joins s
alice > send conversation=#r ref=1 body="r1"
alice < message conversation=#r ref=1 body="r1"
alice > send conversation=#s ref=1 body="s1"
alice < message conversation=#s ref=1 body="s1"
alice > send conversation=#r ref=2 body="r2"
alice < message conversation=#r ref=2 body="r2"

= MSG-021/acknowledged-again : MSG-021 MSG-022 MSG-026 MSG-023
alice, bob in r
alice > send conversation=#r ref=1 body="one"
alice < message conversation=#r seq=3 ref=1 body="one"
bob < message conversation=#r seq=3 ref=1 body="one"
alice > send conversation=#r ref=1 body="one"
alice < ack conversation=#r ref=1 seq=3
alice > send conversation=#r ref=1 body="one"
alice < ack conversation=#r ref=1 seq=3
bob quiet #r
alice says r "two"

= MSG-023/other-kind : MSG-023 MSG-026
alice in r
alice says r "one"
alice > send conversation=#r ref=1 kind=action body="one"
alice < error code=ref_repeated conversation=#r ref=1
alice quiet #r

= MSG-021/after-a-lost-link : MSG-021 MSG-008 SES-029 SES-027
alice enters
bob in r
alice joins r
alice says r "one"
alice aborts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=2 ref=1 role=member
alice2 > send conversation=#r ref=1 body="one"
alice2 < ack conversation=#r ref=1 seq=3
alice2 > send conversation=#r ref=2 body="two"
alice2 < message conversation=#r ref=2 sender=2 body="two"
bob < message conversation=#r ref=2 sender=2 body="two"

= ROM-052/history : ROM-052 ROM-053 ROM-054
alice in r
alice says r "one"
alice says r "two"
alice > fetch conversation=#r from=1 count=10
alice < history conversation=#r senders=[alice] entries=?all more=false
alice > fetch conversation=#r from=2 count=1
alice < history conversation=#r senders=[alice] entries=?one more=false
alice checks differ all one
alice > fetch conversation=#r from=1 count=1
alice < history conversation=#r senders=[] entries=?event more=false

= ROM-053/sender-once : ROM-053 ROM-052
alice, bob in r
alice says r "one"
bob says r "two"
// What is asked for right behind a message may be put together from what is kept and what is new.
alice > send conversation=#r body="three"
alice > fetch conversation=#r from=3 count=10
alice < message conversation=#r seq=5 body="three"
alice < history conversation=#r senders=[alice,bob] entries=* more=false
bob < message conversation=#r seq=5 body="three"

= ROM-052/not-a-member : ROM-052
alice enters
alice > fetch conversation=4000000 from=1 count=10
alice < error code=not_a_member conversation=4000000

= LIM-002/announced : LIM-002 LIM-001 LIM-005 LIM-006
alice greets
alice > auth
alice < ready limits=?limits
alice checks limits-listed limits
alice checks limits-in-bounds limits

= LIM-002/announced-small : LIM-002 LIM-005 LIM-006 | small
alice greets
alice > auth
alice < ready limits=?limits
alice checks limits-listed limits
alice checks limits-in-bounds limits

= LIM-008/many-pings : LIM-008 SES-009
alice enters
2000 times alice > ping nonce=1
2000 times alice < pong nonce=1 conversation=0

= LIM-008/many-unread-answers : LIM-008 SES-025
alice enters
alice pauses
300 times alice > whois name=$alice
alice resumes
300 times alice < identity request=*

= ERR-006/request-and-conversation : ERR-006 ERR-003
alice enters
bob enters
alice joins r
bob > setTopic conversation=#r topic="x" request=9
bob < error request=9 conversation=#r ref=0 code=not_a_member

= ERR-006/no-conversation : ERR-006
alice enters
alice > whois name=$nobody request=9
alice < error request=9 conversation=0 ref=0 code=no_such_name

= ERR-001/most-fitting : ERR-001
alice greets
alice > hello
alice closed out_of_turn
`

/** Cases about messages, errors and limits for a relay. */
export const RELAY_MESSAGES: readonly Case[] = casesOf('core-relay', CASES)
