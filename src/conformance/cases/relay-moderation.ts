/** Chapter 8, as a relay obeys it. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

/** A moderation request for a room and the entry it makes. */
const ORDERS: readonly (readonly [string, string])[] = [
  ['setTopic conversation=#r topic="x"', 'kind=topic actor=alice@r text="x"'],
  ['kick conversation=#r name=$bob reason="why"', 'kind=kicked actor=alice@r subject=2 name=$bob text="why"'],
  [
    'ban conversation=#r name=$bob seconds=60 reason="why"',
    'kind=banned actor=alice@r subject=2 name=$bob key=$bob value=60 text="why"',
  ],
  [
    'setRole conversation=#r name=$bob role=operator',
    'kind=role actor=alice@r subject=2 name=$bob value=operator',
  ],
  ['setLimit conversation=#r limit=9', 'kind=limit actor=alice@r value=9'],
  ['lock conversation=#r locked=true', 'kind=lock actor=alice@r value=1'],
]

const ALL: readonly string[] = [...ORDERS.map(([order]) => order), 'unban conversation=#r name=$bob']

function generated(): string {
  const lines: string[] = []
  for (const [order, entry] of ORDERS) {
    const name = order.split(' ')[0]
    lines.push(
      `= MOD-007/${name} : MOD-007 MOD-009${/kick|ban/u.test(order) ? ' MOD-008' : ''} SES-006`,
      'alice enters\nbob enters\nalice joins r\nbob joins r',
      `alice > ${order}`,
      `alice < event conversation=#r ${entry}`,
      'alice < ok conversation=#r',
      `bob < event conversation=#r ${entry}`,
    )
  }
  for (const order of ALL) {
    const name = order.split(' ')[0]
    lines.push(
      `= MOD-001/${name} : MOD-001 SES-007`,
      'alice enters\nbob enters\ncarol enters\nalice joins r\nbob joins r\ncarol joins r',
      `carol > ${order}`,
      'carol < error code=not_permitted conversation=#r',
      `= MOD-004/${name} : MOD-004 MOD-006`,
      'alice enters\nbob enters\ncarol enters\nalice joins r\nbob joins r',
      `carol > ${order}`,
      'carol < error code=not_a_member conversation=#r',
      `= MOD-003/${name} : MOD-003`,
      'alice enters\nbob enters\nalice > direct name=$bob\nalice < joined conversation=?r',
      `alice > ${order}`,
      'alice < error code=not_permitted conversation=#r',
      `= MOD-004/operator-${name} : MOD-004`,
      'operator enters\nbob enters\ncarol enters\nbob joins r',
      `operator > ${order}`,
      'operator < error code=not_a_member conversation=#r',
    )
  }
  for (const order of [
    'kick conversation=0 name=$bob reason=""',
    'ban conversation=0 name=$bob',
    'unban conversation=0 name=$bob',
    'setLimit conversation=0 limit=5000',
    'announce text="hear"',
  ])
    lines.push(
      `= MOD-002/${order.split(' ')[0]} : MOD-002 SES-007`,
      'alice enters\nbob enters\nalice joins r',
      `alice > ${order}`,
      'alice < error code=not_permitted conversation=0',
    )
  return lines.join('\n')
}

const CASES = `
= MOD-007/unban : MOD-007 MOD-009 ROM-036 MOD-015
alice enters
bob enters
alice joins r
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob
alice < ok
alice > unban conversation=#r name=$bob
alice < event conversation=#r kind=unbanned actor=alice@r name=$bob key=$bob
alice < ok
bob joins r

= MOD-007/unlock : MOD-007
alice enters
bob enters
alice joins r
alice > lock conversation=#r locked=true
alice < event conversation=#r kind=lock actor=alice@r value=1
alice < ok
bob > join room=#r
bob < error code=room_locked
alice > lock conversation=#r locked=false
alice < event conversation=#r kind=lock actor=alice@r value=0
alice < ok
bob joins r

= MOD-007/role-takes-effect : MOD-007
alice, bob in r
alice > setRole conversation=#r name=$bob role=operator
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=operator
bob > setTopic conversation=#r topic="mine"
bob < event conversation=#r kind=topic actor=bob@r text="mine"
bob < ok
alice < event conversation=#r kind=topic actor=bob@r text="mine"
bob > setRole conversation=#r name=$alice role=member
bob < event conversation=#r kind=role actor=bob@r subject=1 name=$alice value=member
bob < ok
alice < event conversation=#r kind=role actor=bob@r subject=1 name=$alice value=member
alice > setTopic conversation=#r topic="mine"
alice < error code=not_permitted

= MOD-007/ban-ends : MOD-007 ROM-009
alice enters
bob enters
alice joins r
alice > ban conversation=#r name=$bob seconds=1
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob value=1
alice < ok
bob > join room=#r
bob < error code=room_banned
alice > ban conversation=#r name=$bob seconds=0
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob value=0
alice < ok
bob > join room=#r
bob < error code=room_banned

= MOD-007/relay-kick : SES-060 MOD-007 MOD-008 ROM-017
operator enters
bob enters
alice in r
bob joins r
operator > kick conversation=0 name=$bob reason="enough"
operator < ok conversation=0
bob < event conversation=#r kind=left subject=2 name=$bob value=removed
bob closed kicked
alice < event conversation=#r kind=left subject=2 name=$bob value=removed
bob2 enters

= MOD-007/relay-ban : MOD-007 HSK-018
operator enters
bob enters
operator > ban conversation=0 name=$bob seconds=0 reason="enough"
operator < ok conversation=0
bob closed banned
bob2 greets
bob2 > auth name="z"+$bob
bob2 closed banned
operator > unban conversation=0 name=$bob
operator < ok conversation=0
bob3 enters

= MOD-007/relay-ban-of-the-absent : MOD-007 MOD-011
operator enters
bob enters
bob > close
bob ended
operator > ban conversation=0 name=$bob
operator < ok conversation=0
bob2 greets
bob2 > auth
bob2 closed banned

= MOD-007/relay-limit : MOD-007 MOD-013 | small
operator enters
alice enters
bob enters
operator > setLimit conversation=0 limit=2
operator < ok conversation=0
alice quiet
bob quiet
carol greets
carol > auth
carol closed relay_full
operator > setLimit conversation=0 limit=6
operator < ok conversation=0
dave enters

= MOD-007/announce : MOD-007 MOD-002
operator enters
alice enters
operator > announce text="hear"
operator < notice from=$operator text="hear"
operator < ok conversation=0
alice < notice from=$operator text="hear"

= MOD-008/kicked-last : MOD-008 ROM-018
alice, bob in r
alice > kick conversation=#r name=$bob reason="r"
alice > send conversation=#r ref=1 body="after"
bob < event conversation=#r kind=kicked actor=alice@r subject=2 name=$bob text="r"
alice < event conversation=#r kind=kicked actor=alice@r subject=2 name=$bob text="r"
alice < ok
alice < message conversation=#r ref=1 body="after"
bob quiet #r

= MOD-010/by-identity : MOD-010 HSK-036
alice enters
bob enters name=$x+"one"
bob > close
bob ended
bob2 enters name=$x+"two"
alice joins r
bob2 joins r
alice > setRole conversation=#r name=$x+"ONE" role=operator
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$x+"two" value=operator
alice < ok
bob2 < event conversation=#r kind=role actor=alice@r subject=2 name=$x+"two" value=operator

= MOD-010/relay-kick-by-other-name : MOD-010
operator enters
bob enters name=$x+"one"
bob > close
bob ended
bob2 enters name=$x+"two"
operator > kick conversation=0 name=$x+"one" reason=""
operator < ok conversation=0
bob2 closed kicked

= MOD-018/kick-oneself : MOD-018
alice, bob in r
alice > kick conversation=#r name=$alice reason="bye"
alice < event conversation=#r kind=kicked actor=1 subject=1 name=$alice text="bye"
alice < ok
bob < event conversation=#r kind=kicked actor=1 subject=1 name=$alice text="bye"

= MOD-018/set-what-is-set : MOD-018
alice, bob in r
alice > setTopic conversation=#r topic=""
alice < event conversation=#r kind=topic actor=alice@r
alice < ok
bob < event conversation=#r kind=topic actor=alice@r
alice > lock conversation=#r locked=false
alice < event conversation=#r kind=lock actor=alice@r value=0
alice < ok
bob < event conversation=#r kind=lock actor=alice@r value=0
alice > setRole conversation=#r name=$bob role=member
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=member
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$bob value=member
alice > setLimit conversation=#r limit=members_per_room
alice < event conversation=#r kind=limit actor=alice@r value=members_per_room
alice < ok
bob < event conversation=#r kind=limit actor=alice@r value=members_per_room

= MOD-018/own-role : MOD-018
alice in r
alice > setRole conversation=#r name=$alice role=member
alice < event conversation=#r kind=role actor=1 subject=1 name=$alice value=member
alice < ok
alice > setTopic conversation=#r topic="x"
alice < error code=not_permitted

= MOD-011/identity-not-name : MOD-011
alice enters
bob enters
alice joins r
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob
alice < ok
bob > close
bob ended
bob2 enters name="z"+$bob
bob2 > join room=#r
bob2 < error code=room_banned

= MOD-012/relay-ban-across-restarts : MOD-012
operator enters
bob enters
operator > ban conversation=0 name=$bob
operator < ok conversation=0
bob closed banned
relay restarts
bob2 greets
bob2 > auth
bob2 closed banned

= MOD-012/unban-across-restarts : MOD-012
operator enters
bob enters
operator > ban conversation=0 name=$bob
operator < ok conversation=0
bob closed banned
operator > unban conversation=0 name=$bob
operator < ok conversation=0
relay restarts
bob2 enters

= MOD-013/members-stay : MOD-013
alice enters
bob enters
carol enters
alice joins r
bob joins r
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
bob < event conversation=#r kind=limit actor=alice@r value=1
bob says r "still here"
carol > join room=#r
carol < error code=room_full

= MOD-005/kick : MOD-005
alice, operator in r
alice > kick conversation=#r name=$operator reason=""
alice < error code=not_permitted conversation=#r

= MOD-005/ban : MOD-005
alice, operator in r
alice > ban conversation=#r name=$operator
alice < error code=not_permitted conversation=#r

= MOD-001/relay-operator-may : MOD-001 MOD-009
alice, operator in r
operator > setTopic conversation=#r topic="x"
operator < event conversation=#r kind=topic actor=operator@r text="x"
operator < ok
alice < event conversation=#r kind=topic actor=operator@r text="x"
operator > kick conversation=#r name=$alice reason=""
operator < event conversation=#r kind=kicked actor=operator@r subject=1 name=$alice
operator < ok
alice < event conversation=#r kind=kicked actor=operator@r subject=1 name=$alice

= MOD-014/role-of-relay-operator : MOD-014
alice, operator in r
alice > setRole conversation=#r name=$operator role=member
alice < error code=not_permitted conversation=#r
operator > setRole conversation=#r name=$operator role=member
operator < error code=not_permitted conversation=#r

= MOD-015/not-bound : MOD-015 MOD-017
alice in r
alice > kick conversation=#r name=$nobody reason=""
alice < error code=no_such_name
alice > ban conversation=#r name=$nobody
alice < error code=no_such_name
alice > unban conversation=#r name=$nobody
alice < error code=no_such_name
alice > setRole conversation=#r name=$nobody role=operator
alice < error code=no_such_name

= MOD-015/not-there : MOD-015
alice enters
bob enters
alice joins r
alice > kick conversation=#r name=$bob reason=""
alice < error code=no_such_name
alice > setRole conversation=#r name=$bob role=operator
alice < error code=no_such_name
alice > unban conversation=#r name=$bob
alice < error code=no_such_name

= MOD-015/relay : MOD-015
operator enters
bob enters
bob > close
bob ended
operator > kick conversation=0 name=$bob reason=""
operator < error code=no_such_name conversation=0
operator > kick conversation=0 name=$nobody reason=""
operator < error code=no_such_name conversation=0
operator > ban conversation=0 name=$nobody
operator < error code=no_such_name conversation=0
operator > unban conversation=0 name=$bob
operator < error code=no_such_name conversation=0

= MOD-016/role : MOD-016 FRM-010
alice, bob in r
alice > setRole conversation=#r name=$bob role=relay_operator
alice < error code=bad_value
alice > setRole conversation=#r name=$bob role=3
alice < error code=bad_value
alice > setRole conversation=#r name=$bob role=255
alice < error code=bad_value

= MOD-016/limit : MOD-016
alice in r
alice > setLimit conversation=#r limit=members_per_room+1
alice < error code=bad_value

= MOD-016/own-ban : MOD-016
alice in r
alice > ban conversation=#r name=$alice
alice < error code=bad_value

= MOD-016/own-relay-ban : MOD-016
operator enters
operator > ban conversation=0 name=$operator
operator < error code=bad_value conversation=0

= MOD-016/bans : MOD-016 | small
alice enters
bob enters
carol enters
dave enters
alice joins r
alice > ban conversation=#r name=$bob
alice < event conversation=#r kind=banned actor=alice@r name=$bob key=$bob
alice < ok
alice > ban conversation=#r name=$carol
alice < event conversation=#r kind=banned actor=alice@r name=$carol key=$carol
alice < ok
alice > ban conversation=#r name=$dave
alice < error code=bad_value
alice > ban conversation=#r name=$carol seconds=9
alice < event conversation=#r kind=banned actor=alice@r name=$carol key=$carol value=9
alice < ok

= MOD-017/name-before-value : MOD-017
alice enters
bob enters
alice joins r
alice > setRole conversation=#r name=$bob role=9
alice < error code=no_such_name

= MOD-017/person-before-value : MOD-017 MOD-014
alice, operator in r
alice > setRole conversation=#r name=$operator role=9
alice < error code=not_permitted

= MOD-006/permission-before-name : MOD-006 MOD-017
alice, bob in r
bob > kick conversation=#r name=$nobody reason=""
bob < error code=not_permitted
bob > setRole conversation=#r name=$alice role=9
bob < error code=not_permitted
bob > setLimit conversation=#r limit=members_per_room+1
bob < error code=not_permitted

= MOD-006/membership-before-name : MOD-006
alice enters
bob enters
alice joins r
bob > kick conversation=#r name=$nobody reason=""
bob < error code=not_a_member

= MOD-009/crossing : MOD-007 ROM-033 ROM-018
alice, bob in r
bob > send conversation=#r ref=1 body="before"
bob < message conversation=#r ref=1 body="before"
alice < message conversation=#r ref=1 body="before"
alice > kick conversation=#r name=$bob reason=""
alice < event conversation=#r kind=kicked actor=1 subject=2 name=$bob
alice < ok
bob < event conversation=#r kind=kicked actor=1 subject=2 name=$bob
bob > send conversation=#r ref=2 body="after"
bob < error code=not_a_member conversation=#r ref=2
bob joins r
bob > send conversation=#r ref=2 body="again"
bob < message conversation=#r ref=2 sender=2 body="again"
alice < message conversation=#r ref=2 sender=2 body="again"

= MOD-008/takeover-then-kick : MOD-008 HSK-031 ROM-018
alice, bob in r
bob2 greets
bob2 > auth clientId=hex:0102030405060708
alice < event conversation=#r kind=left subject=2 name=$bob value=replaced
bob < event conversation=#r kind=left subject=2 name=$bob value=replaced
bob closed replaced
bob2 < ready
alice > kick conversation=#r name=$bob reason=""
alice < error code=no_such_name
bob2 joins r
alice > kick conversation=#r name=$bob reason=""
alice < event conversation=#r kind=kicked actor=1 subject=3 name=$bob
alice < ok
bob2 < event conversation=#r kind=kicked actor=1 subject=3 name=$bob
= MOD-016/limits-that-may-be : MOD-016 MOD-007
alice, bob in r
alice > setLimit conversation=#r limit=2
alice < event conversation=#r kind=limit actor=alice@r value=2
bob < event conversation=#r kind=limit actor=alice@r value=2
alice < ok
alice > setLimit conversation=#r limit=1
alice < event conversation=#r kind=limit actor=alice@r value=1
bob < event conversation=#r kind=limit actor=alice@r value=1
alice < ok
alice > setLimit conversation=#r limit=members_per_room
alice < event conversation=#r kind=limit actor=alice@r value=members_per_room
bob < event conversation=#r kind=limit actor=alice@r value=members_per_room
alice < ok
alice > setLimit conversation=#r limit=members_per_room+1
alice < error code=bad_value
bob quiet #r
`

/** Moderation cases for a relay. */
export const RELAY_MODERATION: readonly Case[] = casesOf('core-relay', `${generated()}\n${CASES}`)
