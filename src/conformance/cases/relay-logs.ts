/** Sections 7.1 and 7.5, as a relay obeys them: logs, following, history, positions. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= ROM-037/one-log : ROM-037 ROM-040
alice enters
bob enters
alice > join room=#r
alice < joined conversation=?r log=?log keepMs=>0 keepBytes=>0
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
bob > join room=#r
bob < joined conversation=#r log=$log keepMs=>0 keepBytes=>0
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob
alice > join room=#s
alice < joined conversation=?s log=?other
alice < event conversation=#s kind=joined subject=1 name=$alice key=$alice value=operator
alice checks differ log other

= ROM-048/follow : ROM-048 ROM-049 ROM-050
alice enters
alice > join room=#r
alice < joined conversation=?r log=?log
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > send conversation=#r body="one"
alice < message conversation=#r seq=2 body="one"
alice > follow conversation=#r log=$log seq=1
alice < joined conversation=#r seq=1 head=2 alias=1 role=operator
alice < senders conversation=#r senders=[alice]
alice < message conversation=#r seq=2 body="one"

= ROM-048/from-the-beginning : ROM-048 ROM-049 ROM-050
alice enters
alice > join room=#r
alice < joined conversation=?r log=?log
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > follow conversation=#r log=$log seq=0
alice < joined conversation=#r seq=0 head=1
alice < event conversation=#r seq=1 kind=joined subject=1 name=$alice key=$alice value=operator

= ROM-048/without-membership : ROM-048 ROM-047
alice enters
bob enters
alice > join room=#r
alice < joined conversation=?r log=?log
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
bob > follow conversation=#r log=$log seq=0
bob < joined conversation=#r seq=0 head=1 alias=2 role=member
bob < event conversation=#r seq=1 kind=joined subject=1 name=$alice key=$alice value=operator
bob < event conversation=#r seq=2 kind=joined subject=2 name=$bob key=$bob
alice < event conversation=#r seq=2 kind=joined subject=2 name=$bob key=$bob

= ROM-047/other-log : ROM-047
alice in r
alice > follow conversation=#r log=hex:0102030405060708 seq=0
alice < error code=no_such_conversation conversation=#r

= ROM-047/beyond-the-end : ROM-047
alice enters
alice > join room=#r
alice < joined conversation=?r log=?log
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > follow conversation=#r log=$log seq=2
alice < error code=no_such_conversation conversation=#r

= ROM-047/no-conversation : ROM-047
alice enters
alice > follow conversation=4000000 log=hex:0102030405060708 seq=0
alice < error code=no_such_conversation conversation=4000000

= ROM-047/banned : ROM-047
alice enters
bob enters
alice > join room=#r
alice < joined conversation=?r log=?log
alice < event conversation=#r kind=joined subject=1 name=$alice key=$alice value=operator
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=1 name=$bob key=$bob
alice < ok
bob > follow conversation=#r log=$log seq=0
bob < error code=room_banned conversation=#r

= ROM-046/role-kept : ROM-046 ROM-012 MOD-014 MOD-016
alice, bob in r
alice > setRole conversation=#r name=$bob role=operator
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob > join room=#r
bob < joined conversation=#r alias=2 role=operator
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob value=operator
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob value=operator

= ROM-058/cursor-of-a-room : ROM-058 ROM-056
alice in r
alice > cursor conversation=#r seq=1
alice > cursor conversation=4000000 seq=1
alice quiet #r

= ROM-004/across-restarts : ROM-004 SES-032
alice in r
alice says r "kept"
relay restarts
alice2 enters
alice2 joins s
alice2 checks differ r s
`

/** Cases about logs for a relay. */
export const RELAY_LOGS: readonly Case[] = casesOf('core-relay', CASES)
