/** Sections 6.7, 6.8 and 7.1: rates, readers that do not read, logs that end. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= SES-036/sends : SES-036 LIM-008 | rates
alice in r
alice hurries sends r

= SES-036/bytes : SES-036 | rates
alice in r
alice hurries bytes r

= SES-036/requests : SES-036 | rates
alice enters
alice hurries requests

= SES-036/pings : SES-036 | rates
alice enters
alice hurries pings

= SES-036/joins : SES-036 | rates
alice enters
alice hurries joins

= SES-037/requests : SES-037 SES-036 SES-006 | rates
alice enters
alice exceeds requests none
alice drains

= SES-037/sends : SES-037 SES-036 MSG-004 | rates
alice in r
alice exceeds sends r
alice drains #r

= SES-038/requests : SES-038 SES-037 | rates
alice enters
alice exceeds requests none closed

= SES-038/sends : SES-038 SES-037 | rates
alice in r
alice exceeds sends r closed

= ROM-041/full : ROM-041 LIM-009 | links
alice in r
alice fills r
alice quiet #r

= SES-040/too-fast : SES-040 LIM-009 | links
alice enters
alice rushes

= SES-034/takes-nothing : SES-034 SES-027 SES-028 | slow
alice enters
bob in r
alice joins r
alice pauses
bob floods r
bob < event conversation=#r kind=left subject=alice@r name=$alice value=lost
& within=stall_ms+stall_ms+detached_ms+8000
alice resumes
alice gone slow_consumer

// Below the total are the entries that may be queued for alice, and what bob is sent; above it her answers
// alone. What sockets hold or how fast anybody is makes no difference.
= SES-035/the-most : SES-035 SES-028 LIM-009 | crowded
alice enters
bob in r
alice joins r
alice pauses
bob floods r
9 times alice > fetch conversation=#r from=10 count=1
bob < event conversation=#r kind=left subject=alice@r name=$alice value=lost within=detached_ms+15000
bob quiet #r
alice resumes
alice gone slow_consumer

= ROM-062/kicked-while-behind : ROM-062 ROM-044 ROM-002 SES-033
alice enters
bob in r
alice joins r
alice pauses
bob floods r
bob > kick conversation=#r name=$alice reason="slow"
bob < event conversation=#r kind=kicked actor=1 subject=2 name=$alice text="slow"
bob < ok
alice resumes
alice finds gap conversation=#r reason=skipped
alice < event conversation=#r kind=kicked actor=1 subject=2 name=$alice text="slow"

= ROM-042/retention : ROM-042 ROM-040 ROM-048 | kept
alice enters
alice > join room=#r
alice < joined conversation=?r log=?log keepBytes=?kept
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice floods r 20 1000
alice > follow conversation=#r log=$log seq=1
alice < joined conversation=#r seq=1 first=?first
alice < gap conversation=#r from=2 to=$first-1 reason=retention
alice finds message conversation=#r seq=$first
alice quiet #r ignoring

= MSG-022/not-kept-any-more : MSG-022 MSG-021 MSG-026 | kept
alice in r
alice says r "one"
alice floods r 20 1000
alice > send conversation=#r ref=1 body="one"
alice < ack conversation=#r ref=1 seq=0
`

/** Cases about rates, readers and logs for a relay. */
export const RELAY_LOADS: readonly Case[] = casesOf('core-relay', CASES)
