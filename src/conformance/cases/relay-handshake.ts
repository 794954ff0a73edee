/** Chapters 5 and 11, as a relay obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= HSK-002/fresh-nonces : HSK-002 HSK-003 CNV-002
alice opens
alice > hello
alice < challenge nonce=?first
bob opens
bob > hello
bob < challenge nonce=?second
alice checks differ first second
alice checks not-all-zero first
bob checks not-all-zero second

= HSK-004/highest-common : HSK-004
alice opens
alice > hello versions=[0,1,7]
alice < challenge version=1

= HSK-004/unordered : HSK-004
alice opens
alice > hello versions=[65535,1]
alice < challenge version=1

= HSK-005/none-in-common : HSK-005 HSK-018 HSK-003
alice opens
alice > hello versions=[2,3]
alice closed unsupported_version

= HSK-005/version-zero : HSK-005
alice opens
alice > hello versions=[0]
alice closed unsupported_version

= HSK-035/only-versions-known : HSK-035 EXT-010
alice opens
alice > body 92019102
alice closed unsupported_version

= HSK-035/other-fields : HSK-035 EXT-010
alice opens
alice > body 96019102a1780101c3
alice closed unsupported_version

= HSK-035/large-versions : HSK-035
alice opens
alice > body 950191ce00010000 9000a0
alice closed unsupported_version

= HSK-035/nine-versions : HSK-035
alice opens
alice > body 92019902030405060708090a
alice closed unsupported_version

= HSK-035/no-list : HSK-035 FRM-005
alice opens
alice > body 920102
alice closed bad_frame

= HSK-035/broken-beside-common : HSK-035 FRM-005
alice opens
alice > body 9501910190a0a0
alice closed bad_frame

= HSK-035/no-versions : HSK-035
alice opens
alice > body 920190
alice closed unsupported_version

= HSK-035/unsound : HSK-035 FRM-005
alice opens
alice > body 93019102c1
alice closed bad_frame

= HSK-006/unknown-capabilities : HSK-006 EXT-003 EXT-004
alice opens
alice > hello capabilities=[65280,2,65535]
alice < challenge capabilities=[]
alice > auth
alice < ready

= HSK-006/greased-capabilities : HSK-006 EXT-008 EXT-003
alice opens
alice > hello capabilities=[2570,6682,10794,14906,2570]
alice < challenge capabilities=[]
alice > auth
alice < ready

= EXT-003/no-capabilities : EXT-003
alice opens
alice > hello capabilities=[]
alice < challenge
alice > auth
alice < ready

= HSK-009/address : HSK-009
alice opens
alice > hello
alice < challenge address=?address
alice checks address address

= HSK-011/bytes-as-sent : HSK-011 HSK-013 FRM-003
alice opens
alice > body dc0005d10001dd00000001cd0001dc0000c50020${'5a'.repeat(32)}da0000 as=hello
alice < challenge
alice > auth
alice < ready

= HSK-012/other-name-signed : HSK-012 HSK-018
alice greets
alice > auth but_name="somebody-else"
alice closed bad_signature

= HSK-012/other-token-signed : HSK-012
alice greets
alice > auth but_token="x"
alice closed bad_signature

= HSK-012/other-client-id-signed : HSK-012
alice greets
alice > auth but_clientId=hex:0000000000000000
alice closed bad_signature

= HSK-012/other-key : HSK-012
alice opens
bob opens
alice > hello
alice < challenge
alice > auth but_key=$bob
alice closed bad_signature

= HSK-012/other-link : HSK-012 HSK-011 HSK-002
alice greets
alice > auth
alice < ready
bob greets
bob > auth name=$alice but_key=$alice but_signature=$signature
bob closed bad_signature

= HSK-012/no-signature : HSK-012 HSK-014
alice greets
alice > auth but_signature=hex:00*64
alice closed bad_signature

= HSK-014/s-not-reduced : HSK-014
alice greets
alice > auth twist=high-s
alice closed bad_signature

= HSK-014/small-order-key : HSK-014
alice greets
alice > auth twist=small-order-key
alice closed bad_signature

= HSK-014/small-order-key-of-order-2 : HSK-014
alice greets
alice > auth twist=order-2-key
alice closed bad_signature

= HSK-014/small-order-r : HSK-014
alice greets
alice > auth twist=small-order-r
alice closed bad_signature

= HSK-014/non-canonical-r : HSK-014
alice greets
alice > auth twist=non-canonical-r
alice closed bad_signature

= HSK-014/negative-zero-r : HSK-014
alice greets
alice > auth twist=negative-zero-r
alice closed bad_signature

= HSK-014/bit-flipped : HSK-014 HSK-012
alice greets
alice > auth twist=flip-r
alice closed bad_signature

= HSK-014/s-flipped : HSK-014 HSK-012
alice greets
alice > auth twist=flip-s
alice closed bad_signature

= HSK-013/ready-signed : HSK-013 HSK-021 HSK-001
alice enters

= HSK-021/fresh-sessions : HSK-021 CNV-002
alice greets
alice > auth
alice < ready session=?first
bob greets
bob > auth
bob < ready session=?second
alice checks differ first second
alice checks not-all-zero first

= HSK-018/name-before-token : HSK-018 | token
alice greets
alice > auth name="-x" token="wrong"
alice closed bad_name

= HSK-018/token-wrong : HSK-018 HSK-020 | token
alice greets
alice > auth token="palaver-conformancf"
alice closed not_admitted

= HSK-018/token-missing : HSK-018 | token
alice greets
alice > auth token=""
alice closed not_admitted

= HSK-018/token-longer : HSK-018 | token
alice greets
alice > auth token="palaver-conformance-"
alice closed not_admitted

= HSK-018/token-right : HSK-018 HSK-021 HSK-020 | token
alice enters

= HSK-018/token-before-signature : HSK-018 | token
alice greets
alice > auth token="" but_signature=hex:00*64
alice closed not_admitted

= HSK-018/signature-before-name : HSK-018 HSK-027
alice enters
bob greets
bob > auth name=$alice but_signature=hex:00*64
bob closed bad_signature

= HSK-018/bad-name-before-signature : HSK-018 HSK-023
alice greets
alice > auth name="a b" but_signature=hex:00*64
alice closed bad_name

= HSK-018/banned-before-signature : HSK-018 MOD-007 MOD-011
operator enters
alice enters
operator > ban name=$alice seconds=60 reason="spam"
operator < ok
alice closed banned
alice2 greets
alice2 > auth but_signature=hex:00*64
alice2 closed banned
operator > unban name=$alice
operator < ok

= HSK-018/name-before-full : HSK-018 HSK-027 | small
alice enters
bob enters
carol enters
dave enters
erin enters
frank enters
grace greets
grace > auth name=$alice
grace closed name_taken

= HSK-018/full : HSK-018 LIM-009 | small
alice enters
bob enters
carol enters
dave enters
erin enters
frank enters
grace greets
grace > auth
grace closed relay_full

= HSK-018/full-then-free : HSK-018 LIM-009 MOD-013 | small
alice enters
bob enters
carol enters
dave enters
erin enters
frank enters
grace greets
grace > auth
grace closed relay_full
frank > close
frank ended
grace2 enters

= LIM-009/sessions-at-once : LIM-009 HSK-018 | small
alice enters
bob enters
carol enters
dave enters
erin enters
frank opens
grace opens
frank > hello
grace > hello
frank < challenge
grace < challenge
frank > auth
grace > auth
frank competes grace relay_full

= HSK-032/takeover-when-full : HSK-032 HSK-031 HSK-030 HSK-027 | small
alice enters
bob enters
carol enters
dave enters
erin enters
frank enters
alice2 greets
alice2 > auth
alice closed replaced
alice2 < ready
alice3 greets
alice3 > auth clientId=hex:0102030405060708
alice2 closed replaced
alice3 < ready

= HSK-018/too-many-links : HSK-018 | crowded
alice greets
bob greets
carol greets
dave opens
dave closed too_many_links

= HSK-018/too-many-links-with-sessions : HSK-018 | crowded
alice enters
bob enters
carol enters
dave enters
erin greets
frank opens
frank closed too_many_links

= HSK-037/oldest-makes-room : HSK-037 | small
alice greets
bob greets
carol greets
dave greets
erin opens
alice closed too_many_links
erin > hello
erin < challenge

= HSK-037/open-ones-do-not-count : HSK-037 | small
alice enters
bob opens
carol opens
dave opens
erin greets
alice quiet
bob > hello
bob < challenge

= HSK-019/nothing-kept : HSK-019 HSK-029
alice greets
alice > auth but_signature=hex:00*64
alice closed bad_signature
bob greets
bob > auth name=$alice
bob < ready name=$alice

= HSK-029/bound-with-ready : HSK-029 HSK-019 ROM-023
bob enters
alice greets
bob > whois name=$alice
bob < error code=no_such_name
alice > auth
alice < ready
bob > whois name=$alice
bob < identity name=$alice key=$alice online=true role=member

= HSK-029/bound-for-good : HSK-029 HSK-026 HSK-027
alice enters
alice > close
alice ended
bob enters
bob > whois name=$alice
bob < identity name=$alice key=$alice online=false role=member
carol greets
carol > auth name=$alice
carol closed name_taken

= HSK-026/across-restarts : HSK-026
alice enters
relay restarts
bob greets
bob > auth name=$alice
bob closed name_taken
alice2 enters

= HSK-027/same-name : HSK-027
alice enters
bob greets
bob > auth name=$alice
bob closed name_taken

= HSK-027/other-case : HSK-027
alice enters name=$x+"lower"
bob greets
bob > auth name=$x+"LOWER"
bob closed name_taken

= HSK-027/compatibility-form : HSK-027 | may:bad_name
alice enters name=$x+"ab"
bob greets
bob > auth name=$x+"\uff41\uff42"
bob closed name_taken

= HSK-027/final-sigma : HSK-027 | may:bad_name
alice enters name="\u03b1"+$digits+"\u03c3"
bob greets
bob > auth name="\u03b1"+$digits+"\u03c2"
bob closed name_taken

= HSK-027/looks-alike-digit : HSK-027
alice enters name=$x+"lol"
bob greets
bob > auth name=$x+"1o1"
bob closed name_taken

= HSK-027/looks-alike-letters : HSK-027
alice enters name=$x+"mo"
bob greets
bob > auth name=$x+"rno"
bob closed name_taken

= HSK-027/looks-alike-script : HSK-027 | may:bad_name
alice enters name="cc"+$digits
bob greets
bob > auth name="\u0441\u0441"+$digits
bob closed name_taken

= HSK-028/names-per-key : HSK-028 HSK-027 | small
alice enters name=$x+"one"
alice > close
alice ended
alice2 enters name=$x+"two"
alice2 > close
alice2 ended
alice3 greets
alice3 > auth name=$x+"three"
alice3 closed name_taken
alice4 enters name=$x+"one"

= HSK-038/names : HSK-038 | full
alice enters
bob enters
carol enters
dave greets
dave > auth
dave closed relay_full
alice2 greets
alice2 > auth
alice closed replaced
alice2 < ready

= HSK-025/normal-form : HSK-025 HSK-022 | may:bad_name
alice enters name="e\u0301"+$digits
alice joins r
bob enters
bob > whois name="\u00e9"+$digits
bob < identity name="\u00e9"+$digits key=$alice online=true role=member
bob > join room=#r
bob < joined conversation=?r kind=room name=#r role=member count=2
alice < event conversation=#r kind=joined subject=2 name=$bob key=$bob value=member
bob < event conversation=#r kind=joined subject=2 name=$bob key=$bob value=member
bob > who conversation=#r
bob < members members=[alice:1,bob:2] more=false

= HSK-036/folded : HSK-036 ROM-023
alice enters name=$x+"alice"
bob enters
bob > whois name=$x+"ALICE"
bob < identity name=$x+"alice" key=$alice online=true role=member

= HSK-036/ill-formed : HSK-036 ROM-023
alice enters
alice > whois name="not a name"
alice < error code=no_such_name

= HSK-036/direct-by-folded : HSK-036
alice enters name=$x+"alice"
bob enters
bob > direct name=$x+"Alice"
bob < joined conversation=?d kind=direct name=$x+"alice" count=2 limit=2 role=member seq=0

= HSK-036/order-by-compatible-form : HSK-036 MOD-010 | may:bad_name
alice enters
bob enters name=$x+"one"
alice joins r
bob joins r
alice > setRole conversation=#r name=$x+"\\uff4fNE" role=operator
alice < event conversation=#r kind=role actor=alice@r subject=2 name=$x+"one" value=operator
alice < ok
bob < event conversation=#r kind=role actor=alice@r subject=2 name=$x+"one" value=operator

= HSK-025/as-it-is-written : HSK-025
alice greets
alice > auth name=$x+"ABC"
alice < ready name=$x+"ABC"
alice joins r

= HSK-030/one-session : HSK-030 HSK-031
alice enters
alice2 greets
alice2 > auth
alice closed replaced
alice2 < ready
alice2 quiet

= HSK-030/another-name : HSK-030 HSK-031
alice enters
alice2 greets
alice2 > auth name="z"+$alice
alice closed replaced
alice2 < ready name="z"+$alice

= SES-027/replaced-by-the-same : SES-027 SES-029 HSK-031
alice, bob in r
alice2 greets
alice2 > auth
alice closed replaced
alice2 < ready
bob quiet #r
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 role=operator count=2
bob quiet #r

= HSK-031/entries-first : HSK-031 SES-060 ROM-018 SES-017 ROM-030
alice enters
bob in r
alice joins r
alice2 greets
alice2 > auth clientId=hex:0102030405060708
bob < event conversation=#r kind=left subject=2 name=$alice value=replaced
alice < event conversation=#r kind=left subject=2 name=$alice value=replaced
alice closed replaced
alice2 < ready
alice2 joins r

= HSK-031/refused-takeover-changes-nothing : HSK-031 HSK-019
alice in r
alice2 greets
alice2 > auth but_signature=hex:00*64
alice2 closed bad_signature
alice quiet
alice says r "still here"

= HSK-041/resumes : HSK-041 HSK-043 HSK-044 HSK-031 HSK-039
alice enters
alice2 greets
alice2 > resume
alice closed replaced
alice2 < ready session=$session_alice name=$alice token=?token
alice2 checks differ token token_alice
alice2 quiet

= HSK-041/after-a-lost-link : HSK-041 HSK-043 SES-029 ROM-015
alice in r
alice aborts
alice2 greets
alice2 > resume
alice2 < ready session=$session_alice
alice2 > join room=#r
alice2 < joined conversation=#r alias=1 role=operator
alice2 quiet #r

= HSK-041/unknown-session : HSK-041
alice enters
alice2 greets
alice2 > resume but_session=hex:00*16
alice2 closed cannot_resume

= HSK-041/other-key : HSK-041 HSK-039
alice enters
alice2 greets
alice2 > resume but_signature=hex:00*64
alice2 closed bad_signature

= HSK-042/token-used-twice : HSK-042 HSK-041
alice enters
alice aborts
alice2 greets
alice2 > resume
alice2 < ready
alice2 quiet
alice3 greets
alice3 > resume token=$token_alice session=$session_alice
alice3 closed session_revoked
alice2 closed session_revoked
alice4 greets
alice4 > resume token=$token_alice2 session=$session_alice
alice4 closed cannot_resume

= HSK-045/across-restarts : HSK-045
alice enters
relay restarts
alice2 greets
alice2 > resume
alice2 < ready session=$session_alice

= HSK-033/nothing-said : HSK-033 SES-001 | quick
zoe enters
alice opens
alice closed handshake_timeout within=handshake_ms+6000 after_ms=handshake_ms-100

= HSK-033/hello-does-not-help : HSK-033 | quick
zoe enters
alice greets
alice closed handshake_timeout within=handshake_ms+6000 after_ms=handshake_ms-150

= HSK-033/bytes-do-not-help : HSK-033 | quick
bob greets
alice opens
bob < close code=handshake_timeout within=handshake_ms+6000
alice > body 9170 about=grease
alice closed handshake_timeout within=handshake_ms+6000

= HSK-033/in-time : HSK-033 | quick
alice enters
bob opens
bob closed handshake_timeout within=handshake_ms+6000
alice quiet

= EXT-005/grease-in-handshake : EXT-005 FRM-011 SES-004
alice opens
alice > body 92707b about=grease
alice > hello
alice < challenge
alice > body 9e7fc3c2c0cbc000000000000000a178c401009100d0ff0102030405 about=grease
alice > auth
alice < ready

= EXT-005/grease-when-open : EXT-005 FRM-011 SES-004
alice enters
alice > body 91 70 about=grease
alice quiet

= EXT-007/trailing-in-hello : EXT-007 FRM-008 EXT-010
alice opens
alice > hello trailing=hex:c0
alice < challenge
alice > auth trailing=hex:9100
alice < ready
`

/** Handshake cases for a relay. */
export const RELAY_HANDSHAKE: readonly Case[] = casesOf('core-relay', CASES)
