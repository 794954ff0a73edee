/** Olm and Megolm (WebAssembly) doing the same work. */
import { createRequire } from 'node:module'

const Olm = createRequire(import.meta.url)('@matrix-org/olm')
const TEXT = 'x'.repeat(64)

export async function contestant() {
  await Olm.init()
  const start = () => {
    const [a, b] = [new Olm.Account(), new Olm.Account()]
    a.create()
    b.create()
    return { a, b }
  }
  const { a, b } = start()
  const session = () => {
    b.generate_one_time_keys(1)
    const [otk] = Object.values(JSON.parse(b.one_time_keys()).curve25519)
    b.mark_keys_as_published()
    const idA = JSON.parse(a.identity_keys()).curve25519
    const idB = JSON.parse(b.identity_keys()).curve25519
    const out = new Olm.Session()
    out.create_outbound(a, idB, otk)
    const first = out.encrypt(TEXT)
    const into = new Olm.Session()
    into.create_inbound_from(b, idA, first.body)
    b.remove_one_time_keys(into)
    into.decrypt(first.type, first.body)
    return [out, into]
  }
  const [out, into] = session()
  const pass = (from, to) => {
    const message = from.encrypt(TEXT)
    to.decrypt(message.type, message.body)
  }
  pass(into, out)
  let turn = false
  const group = new Olm.OutboundGroupSession()
  group.create()
  const member = new Olm.InboundGroupSession()
  member.create(group.session_key())
  const sealed = []
  return {
    name: 'Olm, Megolm',
    rows: {
      'seal + open, one way': () => pass(out, into),
      'every message ratchets': () => {
        turn = !turn
        if (turn) pass(into, out)
        else pass(out, into)
      },
      'session start, both sides': () => {
        for (const each of session()) each.free()
      },
      'room seal': () => sealed.push(group.encrypt(TEXT)),
      'room open': () => {
        if (sealed.length === 0) for (let i = 0; i < 100; i++) sealed.push(group.encrypt(TEXT))
        member.decrypt(sealed.pop())
      },
    },
  }
}
