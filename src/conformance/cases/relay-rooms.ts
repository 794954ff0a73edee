/** Chapters 6 and 7, as a relay obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= SES-006/ok : SES-006 MOD-007
alice enters
alice joins r
alice > setTopic conversation=#r topic="x" request=77
alice < event conversation=#r kind=topic actor=alice@r text="x"
alice < ok request=77 conversation=#r

= SES-006/greatest-number : SES-006
alice enters
alice > list request=4294967295
alice < rooms request=4294967295

= SES-006/same-number-again : SES-006
alice enters
alice > whois name=$alice request=5
alice < identity request=5
alice > whois name=$alice request=5
alice < identity request=5

= SES-006/many-at-once : SES-006
alice enters
alice > whois name=$alice request=1
alice > whois name=$nobody request=2
alice > direct name=$nobody request=3
alice > list request=4
alice < identity request=1
alice < error request=2 code=no_such_name
alice < error request=3 code=no_such_name
alice < rooms request=4

= SES-007/refused-topic : SES-007 MOD-001
alice enters
bob enters
alice joins r
bob joins r
bob > setTopic conversation=#r topic="mine"
bob < error code=not_permitted
carol enters
carol > join room=#r
carol < joined conversation=?r topic="" count=3
alice < event conversation=#r kind=joined subject=3 name=$carol key=$carol
bob < event conversation=#r kind=joined subject=3 name=$carol key=$carol
carol < event conversation=#r kind=joined subject=3 name=$carol key=$carol

= SES-007/refused-join : SES-007 ROM-009
alice enters
bob enters
alice joins r
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
bob > join room=#r
bob < error code=room_locked
alice says r "only me"
alice > who conversation=#r
alice < members members=[alice] more=false

= SES-009/pong : SES-009
alice enters
alice > ping nonce=0 conversation=0
alice < pong nonce=0 conversation=0
alice > ping nonce=9007199254740991 conversation=0
alice < pong nonce=9007199254740991 conversation=0

= SES-009/each : SES-009 SES-010
alice enters
alice joins r
alice > ping nonce=1 conversation=#r
alice > ping nonce=1 conversation=#r
alice > ping nonce=2 conversation=#r
alice < pong nonce=1 conversation=#r
alice < pong nonce=1 conversation=#r
alice < pong nonce=2 conversation=#r

= SES-010/fence-of-a-room : SES-010
alice enters
bob enters
alice joins r
bob joins r
alice > send conversation=#r body="1"
alice > send conversation=#r body="2"
alice > ping nonce=3 conversation=#r
alice < message conversation=#r ref=1 sender=alice@r body="1"
alice < message conversation=#r ref=2 sender=alice@r body="2"
alice < pong nonce=3 conversation=#r
bob > ping nonce=4 conversation=#r
bob < message conversation=#r ref=1 sender=alice@r body="1"
bob < message conversation=#r ref=2 sender=alice@r body="2"
bob < pong nonce=4 conversation=#r

= SES-010/fence-after-join : SES-010
alice enters
alice > join room=#r
alice > ping nonce=3 conversation=0
alice < pong nonce=3 conversation=0
alice < joined conversation=?r
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator

= SES-010/fence-after-requests : SES-010
alice enters
alice > whois name=$alice
alice > list
alice > ping nonce=3 conversation=0
alice < identity request=1
alice < rooms request=2
alice < pong nonce=3 conversation=0

= SES-011/unknown-conversation : SES-011
alice enters
alice > ping nonce=9 conversation=4294967295
alice < pong nonce=9 conversation=4294967295

= SES-012/unasked-pong : SES-012
alice enters
alice > pong nonce=9 conversation=0
alice > pong nonce=9 conversation=77
alice quiet

= SES-015/silence : SES-015 SES-001 | quick
alice enters
alice closed idle_timeout within=idle_ms+6000 after_ms=idle_ms-150

= SES-015/ignored-frames-count : SES-015 SES-004 | quick
alice enters
carol opens
carol closed handshake_timeout within=handshake_ms+6000
alice > body 9170 about=grease
dave opens
dave closed handshake_timeout within=handshake_ms+6000
alice quiet

= SES-015/unfinished-frame-does-not-count : SES-015 | quick
alice enters
carol opens
carol closed handshake_timeout within=handshake_ms+6000
alice > raw 0000
dave opens
dave > hello
dave < challenge
alice closed idle_timeout within=idle_ms+6000

= SES-015/left-behind : SES-015 ROM-002 ROM-017 | quick
alice enters
alice joins r
carol opens
carol closed handshake_timeout within=handshake_ms+6000
bob enters
bob joins r
alice < event conversation=#r kind=left subject=alice@r name=$alice value=lost within=idle_ms+6000
alice closed idle_timeout within=idle_ms+6000
bob < event conversation=#r kind=left subject=alice@r name=$alice value=lost

= SES-018/linger : SES-018 | quick
alice enters
alice > body 913f
alice < close code=unknown_frame
alice ended within=linger_ms+6000

= SES-018/peer-ends : SES-018
alice enters
alice > body 913f
alice closed unknown_frame

= SES-019/close-not-answered : SES-019 SES-002
alice enters
alice > close
alice ended

= SES-019/close-in-handshake : SES-019 SES-002
alice opens
alice > close
alice ended

= SES-019/close-before-auth : SES-019 SES-002
alice opens
alice > hello
alice < challenge
alice > close
alice ended

= SES-019/nothing-after-close : SES-019 SES-004 SES-017
alice enters
bob enters
alice joins r
bob joins r
alice > close
alice > send conversation=#r body="too late"
alice ended
bob < event conversation=#r kind=left subject=alice@r name=$alice value=closed

= SES-021/shutdown : SES-021 MOD-012
alice enters
relay restarts
alice closed going_away

= SES-025/cut-off : SES-025 SES-026
alice enters
bob enters
bob joins r
alice joins r
alice pauses
bob floods r 220 60000
alice resumes
alice gone slow_consumer
bob quiet #r ignoring

= SES-026/others-go-on : SES-026
alice enters
bob enters
carol enters
bob joins r
alice joins r
carol joins r
alice pauses
bob floods r 60 60000
carol quiet #r ignoring
bob floods r 160 60000
alice resumes
alice gone slow_consumer
carol quiet #r ignoring
bob quiet #r ignoring

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
alice enters
alice joins r
alice > leave conversation=#r
alice < event conversation=#r kind=left subject=1 name=$alice value=left
alice < ok
alice > join room=#r
alice < joined conversation=?again seq=0 alias=1 role=operator
alice < event conversation=#again kind=joined subject=1 name=$alice key=$alice value=operator
alice checks differ r again

= ROM-005/new-alias-each-time : ROM-005 ROM-006
alice enters
bob enters
alice joins r
bob joins r
bob > leave conversation=#r
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
bob joins r
bob says r "as 3"

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

= ROM-036/absent-by-bound-name : ROM-036 MOD-011 MOD-007
bob enters name="e\u0301"+$digits
bob > close
bob ended
alice enters
alice joins r
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
alice enters
alice joins r
alice > join room=#r
alice < error code=already_member

= ROM-009/already-before-locked : ROM-009
alice enters
alice joins r
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
alice enters
bob enters
alice joins r
bob joins r
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
alice enters
alice joins r
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
operator enters
operator joins r

= ROM-009/operator-not-past-limit : ROM-009
alice enters
alice joins r
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
operator enters
operator > join room=#r
operator < error code=room_full

= ROM-009/ban-holds-for-operator : ROM-009 MOD-005
alice enters
alice joins r
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

= ROM-010/normal-form : ROM-010
alice enters
alice > join room="e\u0301"+$digits
alice < joined conversation=?r name="\u00e9"+$digits
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > join room="\u00c9"+$digits
alice < error code=already_member

= ROM-012/roles : ROM-012 ROM-011
alice enters
bob enters
alice joins r
bob joins r
operator enters
operator joins r
operator joins s

= ROM-012/nobody-inherits : ROM-012
alice enters
bob enters
alice joins r
bob joins r
alice > leave conversation=#r
alice < event conversation=#r kind=left subject=1 name=$alice value=left
alice < ok
bob < event conversation=#r kind=left subject=1 name=$alice value=left
bob > setTopic conversation=#r topic="x"
bob < error code=not_permitted
alice > join room=#r
alice < joined conversation=#r role=member alias=3 seq=3 count=2
alice < event conversation=#r kind=joined subject=3 name=$alice key=$alice value=member
bob < event conversation=#r kind=joined subject=3 name=$alice key=$alice value=member

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
alice enters
bob enters
alice joins r
bob joins r
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
alice says r "gone?"
bob quiet #r

= ROM-017/link-lost : ROM-017 ROM-018
alice enters
bob enters
alice joins r
bob joins r
bob aborts
alice < event conversation=#r kind=left subject=2 name=$bob value=lost within=90000

= ROM-017/link-ended : ROM-017 ROM-018
alice enters
bob enters
alice joins r
bob joins r
bob ends
alice < event conversation=#r kind=left subject=2 name=$bob value=lost

= ROM-017/removed : ROM-017 ROM-018
alice enters
bob enters
alice joins r
bob joins r
bob > body 913f
bob < event conversation=#r kind=left subject=2 name=$bob value=removed
bob closed unknown_frame
alice < event conversation=#r kind=left subject=2 name=$bob value=removed

= ROM-018/after-kick : ROM-018 MOD-008
alice enters
bob enters
alice joins r
bob joins r
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
alice enters
bob enters
alice joins r
bob joins r
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
alice enters
bob enters
carol enters
alice joins r
bob joins r
carol joins r
carol > who conversation=#r
carol < members members=[alice,bob,carol] more=false
carol > who conversation=#r after=1
carol < members members=[bob,carol] more=false
carol > who conversation=#r after=3
carol < members members=[] more=false

= ROM-020/gaps : ROM-020
alice enters
bob enters
carol enters
alice joins r
bob joins r
carol joins r
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
alice enters
alice joins r
alice joins s
alice > list
alice < rooms rooms=?rooms
alice checks holds-room rooms r s
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

= ROM-023/role-and-absence : ROM-023
operator enters
alice enters
alice > whois name=$operator
alice < identity name=$operator key=$operator online=true role=relay_operator
alice > whois name=$alice
alice < identity name=$alice key=$alice online=true role=member

= ROM-024/nobody : ROM-024
alice enters
alice > direct name=$nobody
alice < error code=no_such_name

= ROM-024/oneself : ROM-024
alice enters
alice > direct name=$alice
alice < error code=bad_value

= ROM-024/too-many : ROM-024 LIM-009 | small
alice enters
bob enters
carol enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct
alice > direct name=$carol
alice < error code=too_many_conversations
alice > direct name=$bob
alice < joined conversation=#d kind=direct

= ROM-024/unknown-before-too-many : ROM-024 | small
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct
alice > direct name=$nobody
alice < error code=no_such_name
alice > direct name=$alice
alice < error code=bad_value

= ROM-025/one-for-each-pair : ROM-025 ROM-026 ROM-027
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct name=$bob alias=low:alice,bob role=member seq=0 ref=0 count=2 limit=2 locked=false topic="" peers=?peers
alice checks pair peers alice bob
bob > direct name=$alice
bob < joined conversation=#d kind=direct name=$alice alias=low:bob,alice role=member seq=0 ref=0 count=2 limit=2 locked=false topic="" peers=?peers
bob checks pair peers alice bob
alice > send conversation=#d body="hi"
alice < message conversation=#d sender=alice@d ref=1 body="hi" kind=text
bob < message conversation=#d sender=alice@d ref=1 body="hi" kind=text

= ROM-025/at-once : ROM-025
alice enters
bob enters
alice > direct name=$bob
bob > direct name=$alice
alice < joined conversation=?d kind=direct
bob < joined conversation=?e kind=direct
alice checks equal d e

= ROM-026/peer-away : ROM-026 ROM-029 ROM-035
bob enters
bob > close
bob ended
alice enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct name=$bob count=2 limit=2 role=member
alice > send conversation=#d body="hi"
alice < error code=peer_offline ref=1 conversation=#d

= ROM-026/again : ROM-026 ROM-025
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct seq=0
alice > send conversation=#d body="hi"
alice < message conversation=#d ref=1 body="hi"
bob < joined request=0 conversation=#d kind=direct name=$alice seq=0
bob < message conversation=#d ref=1 body="hi"
alice > direct name=$bob
alice < joined conversation=#d kind=direct name=$bob count=2
alice > send conversation=#d body="more" ref=2
alice < message conversation=#d ref=2 body="more"
bob < message conversation=#d ref=2 body="more"

= ROM-035/other-name-now : ROM-035
bob enters name=$x+"one"
bob > close
bob ended
bob2 enters name=$x+"two"
alice enters
alice > direct name=$x+"one"
alice < joined conversation=?d kind=direct name=$x+"two"

= ROM-035/name-it-was-opened-under : ROM-035
bob enters name=$x+"one"
bob > close
bob ended
alice enters
alice > direct name=$x+"ONE"
alice < joined conversation=?d kind=direct name=$x+"one"

= ROM-027/aliases : ROM-027
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d alias=low:alice,bob peers=?peers
alice checks pair peers alice bob
alice > send conversation=#d body="a"
alice < message conversation=#d sender=low:alice,bob body="a"
bob < joined request=0 conversation=#d alias=low:bob,alice peers=?peers
bob checks pair peers alice bob
bob < message conversation=#d sender=low:alice,bob body="a"

= ROM-028/joined-first : ROM-028 ROM-030
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
bob quiet #d
alice > send conversation=#d body="1"
alice > send conversation=#d body="2"
bob < joined request=0 conversation=#d kind=direct name=$alice seq=0 ref=0
bob < message conversation=#d ref=1 body="1"
bob < message conversation=#d ref=2 body="2"
alice < message conversation=#d ref=1 body="1"
alice < message conversation=#d ref=2 body="2"

= ROM-028/after-leaving : ROM-028 ROM-031
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < message conversation=#d ref=1 body="1"
bob < joined request=0 conversation=#d seq=0
bob < message conversation=#d ref=1 body="1"
bob > leave conversation=#d
bob < ok
bob leaves-quietly #d
alice > send conversation=#d body="2"
alice < message conversation=#d ref=2 body="2"
bob < joined request=0 conversation=#d seq=1 ref=0
bob < message conversation=#d ref=2 body="2"

= ROM-028/new-session : ROM-028
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < message conversation=#d ref=1 body="1"
bob < joined request=0 conversation=#d seq=0
bob < message conversation=#d ref=1 body="1"
bob > close
bob ended
bob2 enters
alice > send conversation=#d body="2"
alice < message conversation=#d ref=2 body="2"
bob2 < joined request=0 conversation=#d seq=1 ref=0
bob2 < message conversation=#d ref=2 body="2"

= ROM-029/offline : ROM-029 MSG-005
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
bob > close
bob ended
alice > send conversation=#d body="1" ref=1
alice < error code=peer_offline conversation=#d ref=1
bob2 enters
alice > send conversation=#d body="1" ref=1
alice < message conversation=#d ref=1 body="1"
bob2 < joined request=0 conversation=#d
bob2 < message conversation=#d ref=1 body="1"

= ROM-029/peer-has-too-many : ROM-029 | small
alice enters
bob enters
carol enters
bob > direct name=$carol
bob < joined conversation=?e
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < error code=too_many_conversations conversation=#d ref=1
bob quiet #d

= ROM-030/no-entries : ROM-030 ROM-031
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d seq=0
bob > direct name=$alice
bob < joined conversation=#d seq=0
alice > leave conversation=#d
alice < ok
alice leaves-quietly #d
bob quiet #d
alice > direct name=$bob
alice < joined conversation=#d seq=0

= ROM-030/session-ends : ROM-030
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d seq=0
bob > direct name=$alice
bob < joined conversation=#d seq=0
bob > close
bob ended
alice quiet #d

= ROM-031/leave : ROM-031 ROM-019
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
alice > leave conversation=#d
alice < ok
alice leaves-quietly #d
alice > send conversation=#d body="x" ref=1
alice < error code=not_a_member conversation=#d ref=1

= MSG-003/not-a-member : MSG-003 MSG-004 ERR-006
alice enters
alice > send conversation=4000000 ref=1 body="x"
alice < error code=not_a_member conversation=4000000 ref=1

= MSG-003/repeated : MSG-003 MSG-004
alice enters
alice joins r
alice says r "one"
alice > send conversation=#r ref=1 body="again"
alice < error code=ref_repeated conversation=#r ref=1
alice says r "two"

= MSG-003/gap : MSG-003 MSG-004 MSG-005
alice enters
alice joins r
alice > send conversation=#r ref=2 body="x"
alice < error code=ref_gap conversation=#r ref=2
alice > send conversation=#r ref=1 body="y"
alice < message conversation=#r ref=1 body="y"
alice > send conversation=#r ref=2 body="z"
alice < message conversation=#r ref=2 body="z"

= MSG-003/far-gap : MSG-003
alice enters
alice joins r
alice > send conversation=#r ref=9007199254740991 body="x"
alice < error code=ref_gap conversation=#r ref=9007199254740991

= MSG-003/too-large : MSG-003 MSG-005 LIM-003 | small
alice enters
alice joins r
alice > send conversation=#r ref=1 body="a"*body_bytes+"a"
alice < error code=body_too_large conversation=#r ref=1
alice > send conversation=#r ref=1 body="a"*body_bytes
alice < message conversation=#r ref=1 body="a"*body_bytes

= MSG-003/gap-before-too-large : MSG-003 | small
alice enters
alice joins r
alice > send conversation=#r ref=2 body="a"*body_bytes+"a"
alice < error code=ref_gap conversation=#r ref=2

= MSG-003/repeated-before-too-large : MSG-003 | small
alice enters
alice joins r
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
alice enters
alice joins r
alice > send conversation=#r ref=1 body="1"
alice > send conversation=#r ref=3 body="3"
alice > send conversation=#r ref=4 body="4"
alice < message conversation=#r ref=1 body="1"
alice < error code=ref_gap conversation=#r ref=3
alice < error code=ref_gap conversation=#r ref=4
alice > send conversation=#r ref=2 body="2"
alice < message conversation=#r ref=2 body="2"

= MSG-006/kinds : MSG-006 MSG-007
alice enters
bob enters
alice joins r
bob joins r
alice > send conversation=#r kind=action body="waves"
alice < message conversation=#r kind=action ref=1 sender=alice@r body="waves"
bob < message conversation=#r kind=action ref=1 sender=alice@r body="waves"
alice > send conversation=#r kind=part body=hex:c1
alice < message conversation=#r kind=part ref=2 sender=alice@r body=hex:c1
bob < message conversation=#r kind=part ref=2 sender=alice@r body=hex:c1

= MSG-007/not-utf-8 : MSG-007
alice enters
alice joins r
alice > send conversation=#r kind=text body=hex:fffe00c0
alice < message conversation=#r kind=text body=hex:fffe00c0

= MSG-007/empty : MSG-007
alice enters
alice joins r
alice > send conversation=#r kind=text body=""
alice < message conversation=#r kind=text body=""

= MSG-007/largest : MSG-007 FRM-004
alice enters
alice joins r
alice > send conversation=#r kind=bytes body=hex:00ff*30720
alice < message conversation=#r kind=bytes body=hex:00ff*30720

= MSG-008/each-membership : MSG-008
alice enters
bob enters
alice joins r
bob joins r
bob says r "as 2"
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob joins r
bob > send conversation=#r ref=1 body="from 1 again"
bob < message conversation=#r ref=1 sender=3 body="from 1 again"
alice < message conversation=#r ref=1 sender=3 body="from 1 again"

= MSG-008/each-conversation : MSG-008
alice enters
alice joins r
alice joins s
alice > send conversation=#r ref=1 body="r1"
alice < message conversation=#r ref=1 body="r1"
alice > send conversation=#s ref=1 body="s1"
alice < message conversation=#s ref=1 body="s1"
alice > send conversation=#r ref=2 body="r2"
alice < message conversation=#r ref=2 body="r2"

= LIM-002/announced : LIM-002 LIM-001 LIM-005 LIM-006
alice opens
alice > hello
alice < challenge
alice > auth
alice < ready limits=?limits
alice checks limits-listed limits
alice checks limits-in-bounds limits

= LIM-002/announced-small : LIM-002 LIM-005 LIM-006 | small
alice opens
alice > hello
alice < challenge
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
300 times alice > list
alice resumes
300 times alice < rooms request=*

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
alice opens
alice > hello
alice < challenge
alice > hello
alice closed out_of_turn
`

/** Session and conversation cases for a relay. */
export const RELAY_ROOMS: readonly Case[] = casesOf('core-relay', CASES)
