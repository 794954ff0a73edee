/** Chapter 20, as a relay obeys it. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

/** `alice, bob signal in r`: they enter with the capability, and join. */
const OPENING = /^(\w+(?:, \w+)*) signal in (\w+)$/gmu

function opening(_line: string, names: string, room: string): string {
  const people = names.split(', ')
  const entering = people.flatMap((each) => [
    `${each} opens`,
    `${each} > hello capabilities=[1]`,
    `${each} < challenge capabilities=[1]`,
    `${each} > auth`,
    `${each} < ready`,
  ])
  return [...entering, ...people.map((each) => `${each} joins ${room}`)].join('\n')
}

const CASES = `
= SIG-002/reaches-the-others : SIG-002 SIG-003 SIG-007 HSK-006
alice, bob, carol signal in r
alice > signal conversation=#r kind=typing value=1
bob < signalled conversation=#r sender=alice@r kind=typing value=1 body=""
carol < signalled conversation=#r sender=alice@r kind=typing value=1 body=""
alice quiet #r
bob > signal conversation=#r kind=read value=3
alice < signalled conversation=#r sender=bob@r kind=read value=3 body=""
carol < signalled conversation=#r sender=bob@r kind=read value=3 body=""

= SIG-002/direct : SIG-002 SIG-003
alice, bob signal in r
alice > direct name=$bob
alice < joined conversation=?d
bob > direct name=$alice
bob < joined conversation=#d
alice > signal conversation=#d kind=typing value=1
bob < signalled conversation=#d kind=typing value=1
bob > signal conversation=#d kind=typing value=0
alice < signalled conversation=#d kind=typing value=0

= SIG-003/alone : SIG-003
alice signal in r
alice > signal conversation=#r kind=typing value=1
alice quiet #r

= SIG-007/whatever-it-says : SIG-007 SIG-002
alice, bob signal in r
alice > signal conversation=#r kind=0 value=0
bob < signalled conversation=#r sender=alice@r kind=0 value=0 body=""
alice > signal conversation=#r kind=255 value=9007199254740991 body=hex:c1ff*32
bob < signalled conversation=#r sender=alice@r kind=255 value=9007199254740991 body=hex:c1ff*32
alice > signal conversation=#r kind=typing value=7 body=hex:00
bob < signalled conversation=#r sender=alice@r kind=typing value=7 body=hex:00
alice > signal conversation=#r kind=read value=1000000
bob < signalled conversation=#r sender=alice@r kind=read value=1000000

= SIG-001/only-who-takes-them : SIG-001 SIG-002 EXT-004
alice, bob signal in r
carol enters
carol joins r
alice > signal conversation=#r kind=typing value=1
bob < signalled conversation=#r sender=alice@r
carol quiet #r

= SIG-004/without-the-capability : SIG-004 EXT-004
alice signal in r
carol enters
carol joins r
carol > signal conversation=#r kind=typing value=1
carol quiet #r
alice quiet #r

= SIG-004/from-outside : SIG-004
alice, bob signal in r
bob > leave conversation=#r
bob < event conversation=#r kind=left subject=2 name=$bob value=left
bob < ok
alice < event conversation=#r kind=left subject=2 name=$bob value=left
bob > signal conversation=#r kind=typing value=1
bob > signal conversation=4000000 kind=typing value=1
bob quiet
bob quiet #r
alice quiet #r

= SIG-004/beyond-the-rate : SIG-004 | rates
alice, bob signal in r
6 times alice > signal conversation=#r kind=typing value=1
3 times bob < signalled conversation=#r sender=alice@r
alice quiet #r
bob quiet #r
alice says r "not held up"

= SIG-005/no-entry : SIG-005 ROM-001
alice, bob signal in r
alice > signal conversation=#r kind=typing value=1
bob < signalled conversation=#r sender=alice@r
alice > send conversation=#r body="x"
alice < message conversation=#r seq=3 body="x"
bob < message conversation=#r seq=3 body="x"

= SIG-005/not-for-who-comes-later : SIG-005
alice, bob signal in r
bob > close
bob ended
alice finds event conversation=#r kind=left subject=2 name=$bob value=closed
alice > signal conversation=#r kind=typing value=1
alice quiet #r
carol opens
carol > hello capabilities=[1]
carol < challenge capabilities=[1]
carol > auth
carol < ready
carol > join room=#r
carol < joined conversation=#r alias=3
carol < event conversation=#r kind=joined subject=3 name=$carol key=$carol value=member
carol quiet #r
alice < event conversation=#r kind=joined subject=3 name=$carol key=$carol value=member

= SIG-011/datagrams : SIG-011 SIG-002 | udp
alice, bob signal in r
alice > signal conversation=#r kind=typing value=1
bob < signalled conversation=#r sender=alice@r by=datagram

= SIG-012/anything-else : SIG-012 | udp
alice, bob signal in r
alice > lone 00
alice > lone 00000000
alice > lone 00000003930701
alice > lone 0000000493070100
alice > lone 00000005c1c1c1c1c1
alice > lone 0000000595260101c4
alice > lone 0000000193070100
alice quiet
alice quiet #r
bob quiet #r
alice > signal conversation=#r kind=typing value=1
bob < signalled conversation=#r sender=alice@r

= SIG-013/in-its-lane : SIG-013 | udp
alice, bob signal in r
alice > signal conversation=#r kind=typing value=1 by=lane
bob < signalled conversation=#r sender=alice@r
`

export const RELAY_SIGNALS: readonly Case[] = casesOf('core-relay', CASES.replace(OPENING, opening))
