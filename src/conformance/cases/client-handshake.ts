/** Chapters 4 and 5, as a client obeys them. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

const CASES = `
= C-HSK-001/hello-first : HSK-001 STR-001 FRM-001 FRM-002 CNF-001 CNF-003 CNF-004
client starts
client < hello versions=[1] nonce=?nonce
client checks not-all-zero nonce
client silent

= C-HSK-002/fresh-nonce : HSK-002 CNV-002
client starts
client < hello nonce=?first
client starts
client < hello nonce=?second
client checks differ first second

= C-HSK-007/version-not-offered : HSK-007
client starts
client < hello
client > challenge version=2
client closed unsupported_version

= C-HSK-007/greatest-version : HSK-007
client starts
client < hello
client > challenge version=65535
client closed unsupported_version

= C-HSK-008/capability-not-offered : HSK-008
client starts
client < hello
client > challenge capabilities=[65280]
client closed bad_frame

= C-HSK-008/reserved-capability-not-offered : HSK-008 EXT-004
client starts
client < hello
client > challenge capabilities=[2]
client closed bad_frame

= C-HSK-010/pin-kept : HSK-010 HSK-007 HSK-008
client starts pin=relay
client < hello
client > challenge
client < auth

= C-HSK-010/other-key : HSK-010
client starts pin=somebody
client < hello
client > challenge
client closed bad_signature

= C-HSK-011/transcript-of-bytes : HSK-011 HSK-012 HSK-016 HSK-015 HSK-007
client enters
client quiet

= C-HSK-011/challenge-in-wide-form : HSK-011 FRM-003
client starts
client < hello
client > body dc0007d10002cd0001dc0000
& c50020$relaykey c50020${'17'.repeat(32)}da00056c6f63616cda00036b6974 as=challenge
client < auth
client > ready
client tells ready

= C-HSK-011/challenge-with-an-element-more : HSK-011 FRM-008
client starts
client < hello
client > challenge trailing=hex:c0
client < auth
client > ready
client tells ready

= C-HSK-011/binding : HSK-011 HSK-012
client starts lanes=64
client < hello
client > challenge
client < auth
client > ready
client tells ready

= C-HSK-012/claims : HSK-012 HSK-016
client starts token=secret
client < hello
client > challenge
client < auth name=$client key=$client token="secret"
client > ready
client tells ready

= C-HSK-016/client-id : HSK-016
client starts
client < hello
client > challenge
client < auth clientId=?id
client checks first-bytes id client

= C-HSK-015/unsigned : HSK-015
client starts
client < hello
client > challenge
client < auth
client > ready but_signature=hex:00*64
client closed bad_signature

= C-HSK-015/other-name-signed : HSK-015 HSK-013
client starts
client < hello
client > challenge
client < auth
client > ready but_name="other"
client closed bad_signature

= C-HSK-015/other-session-signed : HSK-015 HSK-013
client starts
client < hello
client > challenge
client < auth
client > ready but_session=hex:00*16
client closed bad_signature

= C-HSK-014/high-s : HSK-014 HSK-015
client starts
client < hello
client > challenge
client < auth
client > ready twist=high-s
client closed bad_signature

= C-HSK-014/small-order-r : HSK-014 HSK-015
client starts
client < hello
client > challenge
client < auth
client > ready twist=small-order-r
client closed bad_signature

= C-HSK-014/non-canonical-r : HSK-014 HSK-015
client starts
client < hello
client > challenge
client < auth
client > ready twist=non-canonical-r
client closed bad_signature

= C-HSK-014/negative-zero-r : HSK-014 HSK-015
client starts
client < hello
client > challenge
client < auth
client > ready twist=negative-zero-r
client closed bad_signature

= C-HSK-014/small-order-key : HSK-014 HSK-015
client starts
client < hello
client > challenge relayKey=hex:01+hex:00*31
client < auth
client > ready but_signature=hex:01+hex:00*63
client closed bad_signature

= C-HSK-022/name-given : HSK-022
client starts
client < hello
client > challenge
client < auth
client > ready name="Given"
client tells ready name="Given"

= C-HSK-034/silence-at-first : HSK-034 SES-001 CNF-002
client starts
client < hello
client waits handshake_ms-1
client silent
client waits 1
client closed handshake_timeout

= C-HSK-034/silence-after-challenge : HSK-034 SES-001
client starts
client < hello
client waits 3000
client > challenge
client < auth
client waits 1999
client silent
client waits 1
client closed handshake_timeout

= C-HSK-034/bytes-do-not-help : HSK-034
client starts
client < hello
client waits 4900
client gets whole 000000029170
client waits 100
client closed handshake_timeout
`

/** Handshake cases for a client. */
export const CLIENT_HANDSHAKE: readonly Case[] = casesOf('core-client', CASES)
