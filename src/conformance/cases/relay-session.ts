/** Chapter 6, as a relay obeys it. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= SES-006/ok : SES-006 MOD-007 MOD-001
alice in r
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
alice, bob in r
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
alice in r
alice > ping nonce=1 conversation=#r
alice > ping nonce=1 conversation=#r
alice > ping nonce=2 conversation=#r
alice < pong nonce=1 conversation=#r
alice < pong nonce=1 conversation=#r
alice < pong nonce=2 conversation=#r

= SES-010/fence-of-a-room : SES-010
alice, bob in r
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
dave greets
alice closed idle_timeout within=idle_ms+6000

= SES-015/left-behind : SES-015 SES-027 ROM-002 | quick
alice in r
carol opens
carol closed handshake_timeout within=handshake_ms+6000
bob in r
alice closed idle_timeout within=idle_ms+6000
bob quiet #r

= SES-029/given-back : SES-029 SES-027 SES-002
alice enters
bob in r
alice joins r
alice aborts
alice2 enters
bob quiet #r
alice2 > join room=#r
alice2 < joined conversation=#r alias=2 role=member seq=2 count=2
bob quiet #r

= SES-029/by-follow : SES-029 ROM-048 ROM-002
alice enters
bob enters
bob > join room=#r
bob < joined conversation=?r log=?log
bob < event conversation=#r kind=joined subject=1 name=$bob key=$bob value=operator
alice joins r
alice aborts
bob > send conversation=#r body="meanwhile"
bob < message conversation=#r seq=3 body="meanwhile"
alice2 enters
alice2 > follow conversation=#r log=$log seq=2
alice2 < joined conversation=#r seq=2 head=3 alias=2
alice2 < senders conversation=#r
alice2 < message conversation=#r seq=3 body="meanwhile"
bob quiet #r

= SES-030/another-installation : SES-030
alice enters
bob in r
alice joins r
alice aborts
bob quiet #r
alice2 greets
alice2 > auth clientId=hex:0102030405060708
bob < event conversation=#r kind=left subject=2 name=$alice value=replaced
alice2 < ready

= SES-031/kicked-while-detached : SES-031 MOD-007
alice enters
bob in r
alice joins r
alice aborts
bob quiet #r
bob > kick conversation=#r name=$alice reason="away"
bob < event conversation=#r kind=kicked actor=1 subject=2 name=$alice text="away"
bob < ok

= SES-018/linger : SES-018 | quick
alice enters
alice > body 913f
alice < close code=unknown_frame
alice ended within=linger_ms+6000

= SES-018/long-before-its-time : SES-018 | token
alice enters
alice > body 913f
alice closed unknown_frame

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
alice greets
alice > close
alice ended

= SES-019/nothing-after-close : SES-019 SES-004 SES-017
alice, bob in r
alice > close
alice > send conversation=#r body="too late"
alice ended
bob < event conversation=#r kind=left subject=alice@r name=$alice value=closed

= SES-021/shutdown : SES-021 MOD-012
alice enters
relay restarts
alice closed going_away

= SES-026/others-go-on : SES-026 SES-033 ROM-033
alice enters
bob enters
carol enters
bob joins r
alice joins r
carol joins r
alice pauses
bob floods r
carol quiet #r ignoring
alice resumes
alice quiet #r ignoring

`

/** Session cases for a relay. */
export const RELAY_SESSION: readonly Case[] = casesOf('core-relay', CASES)
