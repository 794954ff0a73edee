/** Sections 5.7, 6.6 and 7.1 over time: what outlives links, restarts and trimmed logs. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= SES-032/given-back : SES-032 SES-029 ROM-045 ROM-046
alice, bob in r
alice says r "kept"
relay restarts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 role=operator count=2 seq=3 ref=1
bob2 enters
bob2 > join room=#r
bob2 < joined conversation=#r alias=2 role=member count=2 seq=3 ref=0
alice2 quiet #r

= SES-032/nobody-returns : SES-032 SES-028 | quick
alice, bob in r
relay restarts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 role=operator count=2 seq=2
alice2 < event conversation=#r kind=left subject=2 name=$bob value=lost within=detached_ms+6000

= SES-032/looked-at-late : SES-032 SES-028 | quick
alice, bob in r
relay restarts
carol opens
carol closed handshake_timeout within=handshake_ms+6000
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=?s alias=1 count=1 role=operator
alice2 < event conversation=#s kind=joined subject=1 name=$alice key=$alice value=operator

= SES-032/not-those-who-left : SES-032
alice, bob in r
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
relay restarts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 count=1 seq=3

= SES-032/nobody-leaves-a-direct : SES-032 ROM-030 ROM-016 | quick
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < message conversation=#d ref=1 body="1"
bob < joined request=0 conversation=#d
bob < message conversation=#d ref=1 body="1"
bob > cursor conversation=#d seq=1
bob quiet #d
relay restarts
alice2 enters
alice2 > direct name=$bob
alice2 < joined conversation=#d seq=1
carol opens
carol closed handshake_timeout within=handshake_ms+6000
alice2 quiet #d

= SES-031/gone-once : SES-031 SES-028 | quick
alice enters
bob in r
alice joins r
alice aborts
bob quiet #r
bob > kick conversation=#r name=$alice reason="away"
bob < event conversation=#r kind=kicked actor=1 subject=2 name=$alice text="away"
bob < ok
carol opens
carol closed handshake_timeout within=handshake_ms+6000
bob quiet #r

= SES-025/answers-unread : SES-025 LIM-008
alice enters
bob in r
alice joins r
alice pauses
bob floods r
30 times alice > fetch conversation=#r from=10 count=1
alice resumes
alice gone slow_consumer

= HSK-041/wrong-token : HSK-041 HSK-042
alice enters
alice aborts
alice2 greets
alice2 > resume token=hex:11*32
alice2 closed cannot_resume

= HSK-041/banned : HSK-041 MOD-011
operator enters
alice enters
alice aborts
operator > ban conversation=0 name=$alice
operator < ok
alice2 greets
alice2 > resume
alice2 closed banned

= HSK-041/too-late : HSK-041 | quick
alice enters
alice aborts
carol opens
carol closed handshake_timeout within=handshake_ms+6000
alice2 greets
alice2 > resume
alice2 closed cannot_resume

= SES-029/not-lost-later : SES-029 SES-028 | quick
alice enters
bob in r
alice joins r
alice aborts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=2 count=2
carol opens
carol closed handshake_timeout within=handshake_ms+6000
bob quiet #r
alice2 quiet #r

= ROM-033/answers-of-one-behind : ROM-033 SES-033
alice, bob in r
alice pauses
bob floods r
alice > setTopic conversation=#r topic="x"
bob < event conversation=#r kind=topic actor=alice@r text="x"
bob > send conversation=#r body="after"
bob < message conversation=#r body="after"
alice resumes
alice finds event conversation=#r kind=topic actor=alice@r text="x"
alice < ok
alice < message conversation=#r body="after"

= HSK-061/guesses : HSK-061 | crowded
alice greets
alice > auth but_signature=hex:00*64
alice closed bad_signature
alice2 greets
alice2 > auth but_signature=hex:00*64
alice2 closed bad_signature
alice3 greets
alice3 > auth but_signature=hex:00*64
alice3 closed bad_signature
alice4 greets
alice4 > auth but_signature=hex:00*64
alice4 closed bad_signature|rate_exceeded
alice5 greets
alice5 > auth but_signature=hex:00*64
alice5 closed bad_signature|rate_exceeded
bob greets
bob > auth
bob closed rate_exceeded

= ROM-046/role-over-a-restart : SES-027 ROM-046 SES-032
alice, bob in r
alice > setRole conversation=#r name=$bob role=operator
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
relay restarts
bob2 enters
bob2 > join room=#r
bob2 < joined conversation=#r alias=2 role=operator

= ROM-046/role-taken-back : ROM-046
alice, bob in r
alice > setRole conversation=#r name=$bob role=operator
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
alice > setRole conversation=#r name=$bob role=member
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=member
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=member
relay restarts
bob2 enters
bob2 > join room=#r
bob2 < joined conversation=#r alias=2 role=member

= ROM-046/room-over-a-restart : ROM-046
alice in r
bob enters
alice > setTopic conversation=#r topic="kept"
alice < event conversation=#r kind=topic actor=alice@r text="kept"
alice < ok
alice > setLimit conversation=#r limit=5
alice < event conversation=#r kind=limit actor=alice@r value=5
alice < ok
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob
alice < ok
relay restarts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 role=operator topic="kept" limit=5
bob2 enters
bob2 > join room=#r
bob2 < error code=room_banned

= SES-031/banned-while-detached : SES-031 MOD-011
operator enters
bob, alice in r
alice aborts
bob quiet #r
operator > ban conversation=0 name=$alice
operator < ok
bob < event conversation=#r kind=left subject=2 name=$alice value=removed

= HSK-042/revoked-for-good : HSK-042 HSK-045
alice enters
alice aborts
alice2 greets
alice2 > resume
alice2 < ready token=?newest
alice2 quiet
alice3 greets
alice3 > resume token=$token_alice session=$session_alice
alice3 closed session_revoked
alice2 closed session_revoked
relay restarts
alice4 greets
alice4 > resume token=$newest session=$session_alice
alice4 closed cannot_resume

= ROM-040/no-more-goes : ROM-040 | kept
alice enters
alice > join room=#r
alice < joined conversation=?r log=?log
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice floods r 40 1000
alice > follow conversation=#r log=$log seq=1
alice < joined conversation=#r seq=1 first=<35
alice finds message conversation=#r seq=<35
alice quiet #r ignoring

= ROM-040/room-again : ROM-040 ROM-041 | kept
alice in r
alice floods r 300 1000

= ROM-045/trimmed : ROM-045 ROM-040 | kept
alice in r
alice floods r 20 1000
relay restarts
alice2 enters
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 ref=20 role=operator

= ROM-045/many-come-and-go : ROM-045 ROM-005 | kept
alice, bob in r
bob says r "was here"
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
carol in r
bob > join room=#r
bob < joined conversation=#r alias=2 ref=1
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob
carol < event conversation=#r kind=joined subject=2 name=$bob key=$bob

= ROM-029/mailbox-bytes : ROM-029 ROM-072 ROM-056 | small
bob enters
bob > close
bob ended
alice enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d ref=1 body="a"*1000
alice < message conversation=#d ref=1 body="a"*1000
alice > send conversation=#d ref=2 body="a"*1000
alice < error code=mailbox_full conversation=#d ref=2
bob2 enters
bob2 < joined request=0 conversation=#d
bob2 < senders conversation=#d
bob2 < message conversation=#d ref=1 body="a"*1000
bob2 > cursor conversation=#d seq=1
bob2 quiet #d
bob2 > close
bob2 ended
alice > send conversation=#d ref=2 body="2"
alice < message conversation=#d ref=2 body="2"

= ROM-056/read-makes-room : ROM-056 ROM-029 ROM-072 | small
bob enters
bob > close
bob ended
alice enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d ref=1 body="1"
alice < message conversation=#d ref=1 body="1"
alice > send conversation=#d ref=2 body="2"
alice < message conversation=#d ref=2 body="2"
bob2 enters
bob2 < joined request=0 conversation=#d seq=0 head=2
bob2 < senders conversation=#d
bob2 < message conversation=#d seq=1 ref=1 body="1"
bob2 < message conversation=#d seq=2 ref=2 body="2"
bob2 > cursor conversation=#d seq=1
bob2 quiet #d
bob2 > close
bob2 ended
alice > send conversation=#d ref=3 body="3"
alice < message conversation=#d ref=3 body="3"
alice > send conversation=#d ref=4 body="4"
alice < error code=mailbox_full conversation=#d ref=4
bob3 enters
bob3 < joined request=0 conversation=#d seq=1 head=3
bob3 < senders conversation=#d
bob3 < message conversation=#d seq=2 ref=2 body="2"
bob3 < message conversation=#d seq=3 ref=3 body="3"
bob3 > cursor conversation=#d seq=3
bob3 > cursor conversation=#d seq=2
bob3 quiet #d
bob3 > close
bob3 ended
alice > send conversation=#d ref=4 body="4"
alice < message conversation=#d ref=4 body="4"
bob4 enters
bob4 < joined request=0 conversation=#d seq=3 head=4
bob4 < senders conversation=#d
bob4 < message conversation=#d seq=4 ref=4 body="4"

= ROM-053/to-the-end : ROM-053 ROM-054
alice in r
alice floods r 3 30000
alice > fetch conversation=#r from=2 count=3
alice < history conversation=#r more=true
alice > fetch conversation=#r from=2 count=1
alice < history conversation=#r more=false
alice > fetch conversation=#r from=4 count=9
alice < history conversation=#r more=false

= HSK-035/second-hello : HSK-035 SES-003
alice greets
alice > body 92019102
alice closed bad_frame
`

/** Cases about what a relay keeps. */
export const RELAY_KEPT: readonly Case[] = casesOf('core-relay', CASES)
