/** Sections 7.1 to 7.4, as a relay obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= ROM-001/three-members : ROM-001 ROM-002 ROM-003 ROM-015 MSG-006
alice enters
bob enters
carol enters
alice joins r
alice says r "one"
bob joins r
bob says r "two"
carol joins r
carol says r "three"
alice says r "four"
bob says r "five"

= ROM-001/two-rooms : ROM-001 ROM-004
alice enters
bob enters
alice joins r
bob joins s
alice joins s
bob joins r
alice says r "in r"
bob says s "in s"
alice says s "in s, too"
alice checks differ r s

= ROM-004/number-not-again : ROM-004 ROM-016
alice in r
alice > leave conversation=#r
alice < event conversation=#r kind=left subject=1 name=$alice value=left
alice < ok
alice > join room=#r
alice < joined conversation=?again seq=0 alias=1 role=operator
alice < event conversation=#again kind=joined subject=1 name=$alice key=$alice value=operator
alice checks differ r again

= ROM-005/the-same-alias : ROM-005 ROM-006 ROM-045
alice, bob in r
bob > leave conversation=#r
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
bob joins r
bob says r "as 2 again"

= ROM-036/events-name-the-session : ROM-036
alice enters
bob enters name=$x+"one"
bob > close
bob ended
bob2 enters name=$x+"two"
alice joins r
bob2 joins r
alice > kick conversation=#r name=$x+"one" reason="why"
alice < event conversation=#r kind=kicked actor=alice@r subject=2 name=$x+"two" text="why"
alice < ok
bob2 < event conversation=#r kind=kicked actor=alice@r subject=2 name=$x+"two" text="why"

= ROM-036/absent-by-bound-name : ROM-036 MOD-011 MOD-007 MOD-017 MOD-005 | may:bad_name
bob enters name="e\u0301"+$digits
bob > close
bob ended
alice in r
alice > ban conversation=#r name="e\u0301"+$digits
alice < event conversation=#r kind=banned actor=alice@r name="\u00e9"+$digits key=$bob
alice < ok

= ROM-009/bad-name : ROM-009
alice enters
alice > join room="not a name"
alice < error code=bad_room_name

= ROM-009/too-many-code-points : ROM-009
alice enters
alice > join room="a"*65
alice < error code=bad_room_name

= ROM-009/as-many-as-allowed : ROM-009 ROM-011
alice enters
alice > join room=#r+$y
alice < joined conversation=?r name=#r+$y
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator

= ROM-009/already : ROM-009
alice in r
alice > join room=#r
alice < error code=already_member

= ROM-009/already-before-locked : ROM-009
alice in r
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
alice > join room=#r
alice < error code=already_member

= ROM-009/existing : ROM-009
alice enters
alice > join room=#r options=existing
alice < error code=no_such_room
alice > join room=#r options=existing
alice < error code=no_such_room

= ROM-009/existing-there : ROM-009
alice enters
bob enters
alice joins r
bob > join room=#r options=existing
bob < joined conversation=?r count=2 role=member
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob

= ROM-009/existing-before-looks : ROM-009
alice enters
alice > join room=#r+"lol"
alice < joined conversation=?r
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > join room=#r+"1o1" options=existing
alice < error code=no_such_room

= ROM-009/looks-alike : ROM-009
alice enters
alice > join room=#r+"lol"
alice < joined conversation=?r
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > join room=#r+"1o1"
alice < error code=bad_room_name

= ROM-009/rooms : ROM-009 LIM-009 | small
alice enters
bob enters
alice joins a
alice joins b
bob joins c
bob > join room=#d
bob < error code=too_many_conversations

= ROM-009/rooms-per-session : ROM-009 LIM-009 | small
alice enters
bob enters
alice joins a
alice joins b
bob joins c
alice > join room=#c
alice < error code=too_many_conversations

= ROM-009/looks-before-rooms : ROM-009 | small
alice enters
bob enters
alice > join room=#r+"lol"
alice < joined conversation=?r
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice joins b
bob joins c
bob > join room=#r+"1o1"
bob < error code=bad_room_name

= ROM-009/banned : ROM-009 MOD-007 MOD-008
alice, bob in r
alice > ban conversation=#r name=$bob seconds=0 reason="go"
alice < event conversation=#r kind=banned actor=alice@r subject=2 name=$bob key=$bob value=0 text="go"
alice < ok
bob < event conversation=#r kind=banned actor=alice@r subject=2 name=$bob key=$bob value=0 text="go"
bob > join room=#r
bob < error code=room_banned

= ROM-009/banned-before-locked : ROM-009
alice enters
bob enters
alice joins r
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob
alice < ok
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
bob > join room=#r
bob < error code=room_banned

= ROM-009/locked-before-full : ROM-009
alice enters
bob enters
alice joins r
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
bob > join room=#r
bob < error code=room_locked

= ROM-009/full : ROM-009 MOD-007
alice enters
bob enters
alice joins r
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
bob > join room=#r
bob < error code=room_full

= ROM-009/full-by-the-relay : ROM-009 LIM-009 | small
alice enters
bob enters
carol enters
dave enters
alice joins r
bob joins r
carol joins r
dave > join room=#r
dave < error code=room_full

= ROM-009/full-before-too-many : ROM-009 | small
alice enters
bob enters
carol enters
dave enters
alice joins r
bob joins r
carol joins r
dave joins a
dave joins b
dave > join room=#r
dave < error code=room_full

= LIM-009/members-at-once : LIM-009 ROM-009 | small
alice enters
bob enters
carol enters
dave enters
alice joins r
bob joins r
carol > join room=#r
carol > ping nonce=1
carol < pong nonce=1 conversation=0
dave > join room=#r
dave < error code=room_full
carol < joined conversation=?r count=3 alias=3
alice < event conversation=#r kind=joined subject=3 name=$carol key=$carol
bob < event conversation=#r kind=joined subject=3 name=$carol key=$carol
carol < event conversation=#r kind=joined subject=3 name=$carol key=$carol

= ROM-009/operator-passes-lock : ROM-009 ROM-012
alice in r
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
operator in r

= ROM-009/operator-not-past-limit : ROM-009
alice in r
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
operator enters
operator > join room=#r
operator < error code=room_full

= ROM-009/ban-holds-for-operator : ROM-009 MOD-005
alice in r
operator enters
alice > ban conversation=#r name=$operator
alice < error code=not_permitted
operator joins r

= ROM-010/folded : ROM-010
alice enters
bob enters
alice > join room=#r+"ABC"
alice < joined conversation=?r name=#r+"ABC"
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
bob > join room=#r+"abc"
bob < joined conversation=#r name=#r+"ABC" count=2
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob
carol enters
carol > join room=#r+"AbC"
carol < joined conversation=#r name=#r+"ABC" count=3
carol < event conversation=#r kind=joined subject=3 name=$carol key=$carol
alice < event conversation=#r kind=joined subject=3 name=$carol key=$carol
bob < event conversation=#r kind=joined subject=3 name=$carol key=$carol

= ROM-010/normal-form : ROM-010 | may:bad_room_name
alice enters
alice > join room="e\u0301"+$digits
alice < joined conversation=?r name="\u00e9"+$digits
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > join room="\u00c9"+$digits
alice < error code=already_member

= ROM-012/roles : ROM-012 ROM-011
alice, bob in r
operator in r
operator joins s

= ROM-012/nobody-inherits : ROM-012 ROM-046
alice, bob in r
alice > leave conversation=#r
alice < event conversation=#r kind=left subject=1 name=$alice value=left
alice < ok
bob < event conversation=#r kind=left subject=1 name=$alice value=left
bob > setTopic conversation=#r topic="x"
bob < error code=not_permitted
alice > join room=#r
alice < joined conversation=#r role=operator alias=1 seq=3 count=2
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
bob < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator

= ROM-013/with-members : ROM-013 ROM-020 SES-006
alice enters
bob enters
carol enters
alice joins r
bob joins r options=members
carol joins r options=members

= ROM-013/seq-of-the-last : ROM-013 ROM-002
alice enters
bob enters
alice joins r
alice says r "a"
alice says r "b"
bob > join room=#r
bob < joined conversation=?r seq=3 alias=2 count=2 locked=false topic="" limit=members_per_room peers=[]
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob
bob < event conversation=#r kind=joined seq=4 subject=2 name=$bob key=$bob

= ROM-013/nothing-between : ROM-013 ROM-033
alice enters
bob enters
alice joins r
bob > join room=#r options=members
3 times alice > send conversation=#r body="x"
bob < joined conversation=?r
bob < members conversation=#r more=false
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob
alice drains #r
bob drains #r

= ROM-013/state-of-the-room : ROM-013
alice enters
bob enters
alice joins r
alice > setTopic conversation=#r topic="the topic"
alice < event conversation=#r kind=topic actor=alice@r text="the topic"
alice < ok
alice > setLimit conversation=#r limit=7
alice < event conversation=#r kind=limit actor=alice@r value=7
alice < ok
bob > join room=#r
bob < joined conversation=?r topic="the topic" limit=7 locked=false count=2 seq=3
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob

= ROM-014/unknown-options : ROM-014
alice enters
alice > join room=#r options=252
alice < joined conversation=?r kind=room
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator

= ROM-014/unknown-beside-members : ROM-014
alice enters
alice > join room=#r options=129
alice < joined conversation=?r kind=room
alice < members conversation=#r members=[alice] more=false
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator

= ROM-016/room-ends : ROM-016
alice enters
bob enters
alice joins r
alice > setTopic conversation=#r topic="old"
alice < event conversation=#r kind=topic actor=alice@r text="old"
alice < ok
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob
alice < ok
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
alice > leave conversation=#r
alice < event conversation=#r kind=left subject=1 name=$alice value=left
alice < ok
bob > join room=#r
bob < joined conversation=?s topic="" limit=members_per_room locked=false role=operator seq=0 count=1 alias=1
bob < event conversation=#s kind=joined subject=1 name=$bob key=$bob value=operator

= ROM-016/ends-with-the-session : ROM-016
alice enters
bob enters
alice joins r
alice > close
alice ended
bob > join room=#r
bob < joined conversation=?s role=operator seq=0 count=1 alias=1
bob < event conversation=#s kind=joined subject=1 name=$bob key=$bob value=operator

= ROM-016/permanent-room-stays : ROM-016 ROM-012 | alone
operator enters
alice enters
operator > join room="lobby"
operator < joined conversation=?r name="lobby" role=relay_operator
operator < event conversation=#r kind=joined subject=* name=$operator key=$operator value=relay_operator
operator > setTopic conversation=#r topic="kept"
operator < event conversation=#r kind=topic actor=operator@r text="kept"
operator < ok
operator > leave conversation=#r
operator < event conversation=#r kind=left subject=* name=$operator value=left
operator < ok
alice > join room="lobby" options=existing
alice < joined conversation=#r topic="kept" role=member
alice < event conversation=#r kind=joined subject=* name=$alice key=$alice value=member

= ROM-017/leave : ROM-017 ROM-018
alice, bob in r
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
alice says r "gone?"
bob quiet #r

= ROM-017/link-lost : SES-028 SES-027 ROM-018 | quick
alice, bob in r
bob aborts
alice < event conversation=#r kind=left subject=2 name=$bob value=lost within=detached_ms+6000

= ROM-017/link-ended : SES-027 ROM-018
alice, bob in r
bob ends
bob ended
alice quiet #r

= ROM-017/removed : SES-060 ROM-017 ROM-018
alice, bob in r
bob > body 913f
bob < event conversation=#r kind=left subject=2 name=$bob value=removed
bob closed unknown_frame
alice < event conversation=#r kind=left subject=2 name=$bob value=removed

= ROM-018/after-kick : ROM-018 MOD-008
alice, bob in r
alice > kick conversation=#r name=$bob reason=""
bob < event conversation=#r kind=kicked actor=alice@r subject=2 name=$bob
alice < event conversation=#r kind=kicked actor=alice@r subject=2 name=$bob
alice < ok
alice says r "gone?"
bob quiet #r

= ROM-019/leave : ROM-019 ERR-006
alice enters
alice > leave conversation=4000000
alice < error code=not_a_member conversation=4000000

= ROM-019/who : ROM-019 ERR-006
alice enters
alice > who conversation=4000000
alice < error code=not_a_member conversation=4000000

= ROM-019/leave-twice : ROM-019
alice, bob in r
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob > leave conversation=#r
bob < error code=not_a_member

= ROM-019/others-room : ROM-019
alice enters
bob enters
alice joins r
bob > who conversation=#r
bob < error code=not_a_member

= ROM-020/after : ROM-020
alice, bob, carol in r
carol > who conversation=#r
carol < members members=[alice,bob,carol] more=false
carol > who conversation=#r after=1
carol < members members=[bob,carol] more=false
carol > who conversation=#r after=3
carol < members members=[] more=false

= ROM-020/gaps : ROM-020
alice, bob, carol in r
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
carol < event conversation=#r kind=left subject=2 name=$bob value=left
carol > who conversation=#r after=1
carol < members members=[carol] more=false

= ROM-032/between-entries : ROM-032 ROM-033
alice enters
bob enters
carol enters
alice joins r
alice > who conversation=#r
alice < members members=[alice] more=false
bob joins r
alice > who conversation=#r
alice < members members=[alice,bob] more=false
alice > kick conversation=#r name=$bob reason=""
alice > who conversation=#r
alice < event conversation=#r kind=kicked actor=alice@r subject=2 name=$bob
alice < ok request=4
alice < members request=5 members=[alice] more=false
bob < event conversation=#r kind=kicked actor=alice@r subject=2 name=$bob
carol joins r
alice > who conversation=#r
alice > kick conversation=#r name=$carol reason=""
alice < members request=6 members=[alice,carol:3] more=false
alice < event conversation=#r kind=kicked actor=alice@r subject=3 name=$carol
alice < ok request=7
carol < event conversation=#r kind=kicked actor=alice@r subject=3 name=$carol

= ROM-021/sessions : ROM-021 | alone
alice enters
bob enters
bob > who conversation=0 after=0
bob < members conversation=0 members=?all more=*
bob checks holds-session all alice bob

= ROM-021/after : ROM-021 | alone
alice enters
bob enters
bob > who conversation=0 after=0
bob < members conversation=0 members=?all more=*
bob checks last-alias all
bob > who conversation=0 after=$last
bob < members conversation=0 members=[] more=false

= ROM-022/order : ROM-022 | alone
alice in zzs
alice joins zzr
alice > list
alice < rooms rooms=?first
alice checks sorted-rooms first
// Rooms that others left may fill that page.
alice > list after="zzr"
alice < rooms rooms=?rooms
alice checks holds-room rooms zzr zzs
alice checks sorted-rooms rooms

= ROM-022/after : ROM-022 | alone
alice enters
alice > join room="zz"+$digits
alice < joined conversation=?r
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > list after="zz"
alice < rooms rooms=?rooms more=false
alice checks sorted-rooms rooms
alice > list after="zz"+$digits
alice < rooms rooms=?none
alice checks empty none

= ROM-023/nobody : ROM-023
alice enters
alice > whois name=$nobody
alice < error code=no_such_name

= ROM-070/spelling-that-bound : ROM-070 ROM-023
alice enters name=$x+"Alice"
alice > close
alice ended
alice2 enters name=$x+"ALICE"
alice2 > whois name=$x+"alice"
alice2 < identity name=$x+"Alice" key=$alice online=true role=member

= ROM-023/role-and-absence : ROM-023
operator enters
alice enters
alice > whois name=$operator
alice < identity name=$operator key=$operator online=true role=relay_operator
alice > whois name=$alice
alice < identity name=$alice key=$alice online=true role=member
`

/** Cases about rooms for a relay. */
export const RELAY_ROOMS: readonly Case[] = casesOf('core-relay', CASES)
