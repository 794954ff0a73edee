/** Section 7.5, as a relay obeys it. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
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

= ROM-025/one-for-each-pair : ROM-025 ROM-026 ROM-027 ROM-073
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct name=$bob alias=low:alice,bob
& role=member seq=0 ref=0 count=2 limit=2 locked=false topic="" peers=?peers
alice checks pair peers alice bob
bob > direct name=$alice
bob < joined conversation=#d kind=direct name=$alice alias=low:bob,alice
& role=member seq=0 ref=0 count=2 limit=2 locked=false topic="" peers=?peers
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

= ROM-026/peer-away : ROM-026 ROM-035
bob enters
bob > close
bob ended
alice enters
alice > direct name=$bob
alice < joined conversation=?d kind=direct name=$bob count=2 limit=2 role=member
alice > send conversation=#d body="hi"
alice < message conversation=#d ref=1 body="hi" sender=low:alice,bob

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

= ROM-073/another-installation : ROM-073 ROM-027
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d peers=?peers
bob > direct name=$alice
bob < joined conversation=#d alias=?first
alice checks peer-alias peers bob first
bob2 greets
bob2 > auth clientId=hex:0102030405060708
bob closed replaced
bob2 < ready
bob2 > direct name=$alice
bob2 < joined conversation=#d alias=?second peers=?peers
bob2 checks differ first second
bob2 checks peer-alias peers bob second

= ROM-027/aliases : ROM-027 ROM-073
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

= ROM-028/new-session : ROM-057 ROM-056 ROM-050 ROM-058 ROM-072
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < message conversation=#d ref=1 body="1"
bob < joined request=0 conversation=#d seq=0
bob < message conversation=#d ref=1 body="1"
bob > cursor conversation=#d seq=1
bob quiet #d
bob > close
bob ended
alice > send conversation=#d body="2"
alice < message conversation=#d ref=2 body="2"
bob2 enters
bob2 < joined request=0 conversation=#d seq=1 head=2
bob2 < senders conversation=#d
bob2 < message conversation=#d seq=2 ref=2 body="2"

= ROM-029/offline : ROM-057 ROM-050 ROM-028
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
bob > close
bob ended
alice > send conversation=#d body="1" ref=1
alice < message conversation=#d ref=1 body="1"
bob2 enters
bob2 < joined request=0 conversation=#d seq=0 head=1
bob2 < senders conversation=#d
bob2 < message conversation=#d seq=1 ref=1 body="1"

= ROM-029/peer-has-too-many : ROM-028 | small
alice enters
bob enters
carol enters
bob > direct name=$carol
bob < joined conversation=?e
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < message conversation=#d ref=1 body="1"
bob quiet #d

= ROM-072/own-messages-are-read : ROM-072 ROM-056
alice enters
bob enters
alice > direct name=$bob
alice < joined conversation=?d
alice > send conversation=#d body="1"
alice < message conversation=#d ref=1 body="1"
bob < joined request=0 conversation=#d
bob < message conversation=#d ref=1 body="1"
alice > close
alice ended
alice2 enters
alice2 quiet #d

= ROM-029/mailbox-full : ROM-029 ROM-072 | small
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
alice > send conversation=#d ref=3 body="3"
alice < error code=mailbox_full conversation=#d ref=3

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
`

/** Cases about direct conversations for a relay. */
export const RELAY_DIRECTS: readonly Case[] = casesOf('core-relay', CASES)
