/** Section 15.5, as a relay obeys it. */
import type { Case } from '../case.ts'
import { casesOf } from './text.ts'

/** A list of one-time prekeys with the numbers from 1. */
function manyKeys(count: number): string {
  return Array.from({ length: count }, (_, at) => `${at + 1}:hex:11*32`).join(',')
}

const CASES = `
= SDC-030/stock : SDC-030 SDC-028 SDC-029
alice enters
alice > publish replaces=true bundle=hex:0102 prekeys=[1:hex:11*32,2:hex:22*32]
alice < stock count=2
alice > publish replaces=false bundle="" prekeys=[]
alice < stock count=2
alice > publish replaces=false bundle=hex:0304 prekeys=[7:hex:77*32]
alice < stock count=3

= SDC-031/given-out-once : SDC-031 SDC-032 SDC-028 SDC-033
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[1:hex:11*32,5:hex:22*32]
alice < stock count=2
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[1:hex:11*32]
alice < stock request=0 count=1
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[5:hex:22*32]
alice < stock request=0 count=0
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[]

= SDC-031/owner-away : SDC-031
alice enters
alice > publish replaces=true bundle=hex:0102 prekeys=[1:hex:11*32]
alice < stock count=1
alice > close
alice ended
bob enters
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[1:hex:11*32]

= SDC-031/no-keys : SDC-031 SDC-028
alice enters
bob enters
bob > claim key=$alice
bob < error code=no_keys
alice > publish replaces=false bundle="" prekeys=[1:hex:11*32]
alice < stock count=1
bob > claim key=$alice
bob < error code=no_keys

= SDC-028/number-again : SDC-028 SDC-032
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[3:hex:11*32]
alice < stock count=1
bob > claim key=$alice
bob < bundle prekeys=[3:hex:11*32] bundle=hex:0102
alice < stock request=0 count=0
alice > publish replaces=false bundle="" prekeys=[2:hex:22*32,3:hex:11*32]
alice < stock count=0
alice > publish replaces=false bundle="" prekeys=[4:hex:44*32,4:hex:55*32]
alice < stock count=1
bob > claim key=$alice
bob < bundle prekeys=[4:hex:44*32] bundle=hex:0102
alice < stock request=0 count=0

= SDC-029/replaced : SDC-029
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[8:hex:11*32,9:hex:22*32]
alice < stock count=2
alice > publish replaces=true bundle=hex:0304 prekeys=[1:hex:33*32]
alice < stock count=1
bob > claim key=$alice
bob < bundle bundle=hex:0304 prekeys=[1:hex:33*32]
alice < stock request=0 count=0
alice > publish replaces=true bundle="" prekeys=[]
alice < stock count=0
bob > claim key=$alice
bob < error code=no_keys

= SDC-032/restart : SDC-032 SDC-028
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[1:hex:11*32,2:hex:22*32]
alice < stock count=2
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[1:hex:11*32]
alice < stock request=0 count=1
relay restarts
bob2 enters name=$bob+"2"
bob2 > claim key=$alice
bob2 < bundle bundle=hex:0102 prekeys=[2:hex:22*32]
bob2 > claim key=$alice
bob2 < bundle bundle=hex:0102 prekeys=[]

= SDC-038/drained : SDC-038
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[${manyKeys(40)}]
alice < stock count=40
alice > close
alice ended
33 times bob > claim key=$alice
32 times bob < bundle request=* bundle=hex:0102 prekeys=*
bob < bundle request=* bundle=hex:0102 prekeys=[]

= SDC-028/as-many-as-are-kept : SDC-028 SDC-030
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[${manyKeys(100)}]
alice < stock count=100
alice > publish replaces=false bundle="" prekeys=[101:hex:22*32]
alice < stock count=100
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[1:hex:11*32]
alice > publish replaces=false bundle="" prekeys=[101:hex:22*32,102:hex:33*32]
alice < stock count=100

= SDC-033/few-are-left : SDC-033
alice enters
bob enters
alice > publish replaces=true bundle=hex:0102 prekeys=[${manyKeys(21)}]
alice < stock count=21
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[1:hex:11*32]
alice quiet
bob > claim key=$alice
bob < bundle bundle=hex:0102 prekeys=[2:hex:11*32]
alice < stock request=0 count=19

= SDC-034/too-often : SDC-034
alice enters
bob enters
60 times bob > claim key=$alice
60 times bob < error request=* code=no_keys
3 times bob > claim key=$alice
2 times bob < error request=* code=no_keys|rate_limited
bob < error code=rate_limited
bob > close
bob ended
bob2 enters name=$bob+"2"
3 times bob2 > claim key=$alice
2 times bob2 < error request=* code=no_keys|rate_limited
bob2 < error code=rate_limited
`

/** Cases of the keys that a relay keeps. */
export const RELAY_PREKEYS: readonly Case[] = casesOf('core-relay', CASES)
