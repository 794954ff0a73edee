/** libsignal (native) doing the same work, over stores in memory. Its session start is post-quantum too. */
import * as signal from '@signalapp/libsignal-client'

const TEXT = new Uint8Array(64)

class Sessions extends signal.SessionStore {
  kept = new Map()
  async saveSession(name, record) {
    this.kept.set(name.toString(), record)
  }
  async getSession(name) {
    return this.kept.get(name.toString()) ?? null
  }
  async getExistingSessions(names) {
    return names.map((name) => this.kept.get(name.toString()))
  }
}
class Identities extends signal.IdentityKeyStore {
  key = signal.PrivateKey.generate()
  async getIdentityKey() {
    return this.key
  }
  async getLocalRegistrationId() {
    return 1
  }
  async saveIdentity() {
    return 0
  }
  async isTrustedIdentity() {
    return true
  }
  async getIdentity() {
    return null
  }
}
class Prekeys extends signal.PreKeyStore {
  kept = new Map()
  async savePreKey(id, record) {
    this.kept.set(id, record)
  }
  async getPreKey(id) {
    return this.kept.get(id)
  }
  /** Kept, so that one bundle serves every start: making keys is not what is measured. */
  async removePreKey() {}
}
class SignedPrekeys extends signal.SignedPreKeyStore {
  kept = new Map()
  async saveSignedPreKey(id, record) {
    this.kept.set(id, record)
  }
  async getSignedPreKey(id) {
    return this.kept.get(id)
  }
}
class KyberPrekeys extends signal.KyberPreKeyStore {
  kept = new Map()
  async saveKyberPreKey(id, record) {
    this.kept.set(id, record)
  }
  async getKyberPreKey(id) {
    return this.kept.get(id)
  }
  async markKyberPreKeyUsed() {}
}
class SenderKeys extends signal.SenderKeyStore {
  kept = new Map()
  async saveSenderKey(sender, id, record) {
    this.kept.set(sender.toString() + id, record)
  }
  async getSenderKey(sender, id) {
    return this.kept.get(sender.toString() + id) ?? null
  }
}

function person(name) {
  return {
    address: signal.ProtocolAddress.new(name, 1),
    sessions: new Sessions(),
    identities: new Identities(),
    prekeys: new Prekeys(),
    signed: new SignedPrekeys(),
    kyber: new KyberPrekeys(),
    senders: new SenderKeys(),
  }
}

function bundleOf(b) {
  const [spk, opk] = [signal.PrivateKey.generate(), signal.PrivateKey.generate()]
  const kem = signal.KEMKeyPair.generate()
  const sign = (key) => b.identities.key.sign(key.serialize())
  b.prekeys.kept.set(1, signal.PreKeyRecord.new(1, opk.getPublicKey(), opk))
  const signature = sign(spk.getPublicKey())
  b.signed.kept.set(1, signal.SignedPreKeyRecord.new(1, 0, spk.getPublicKey(), spk, signature))
  const kemSignature = sign(kem.getPublicKey())
  b.kyber.kept.set(1, signal.KyberPreKeyRecord.new(1, 0, kem, kemSignature))
  return signal.PreKeyBundle.new(
    1,
    1,
    1,
    opk.getPublicKey(),
    1,
    spk.getPublicKey(),
    signature,
    b.identities.key.getPublicKey(),
    1,
    kem.getPublicKey(),
    kemSignature,
  )
}

export async function contestant() {
  const [a, b] = [person('alice'), person('bob')]
  const pass = async (from, to) => {
    const sealed = await signal.signalEncrypt(TEXT, to.address, from.address, from.sessions, from.identities)
    const bytes = sealed.serialize()
    if (sealed.type() === 3)
      await signal.signalDecryptPreKey(
        signal.PreKeySignalMessage.deserialize(bytes),
        from.address,
        to.address,
        to.sessions,
        to.identities,
        to.prekeys,
        to.signed,
        to.kyber,
      )
    else
      await signal.signalDecrypt(
        signal.SignalMessage.deserialize(bytes),
        from.address,
        to.address,
        to.sessions,
        to.identities,
      )
  }
  const start = async (bundle) => {
    a.sessions.kept.clear()
    b.sessions.kept.clear()
    await signal.processPreKeyBundle(bundle, b.address, a.address, a.sessions, a.identities)
    await pass(a, b)
  }
  await start(bundleOf(b))
  await pass(b, a)
  const groupId = '01234567-0123-4123-8123-0123456789ab'
  const key = await signal.SenderKeyDistributionMessage.create(a.address, groupId, a.senders)
  await signal.processSenderKeyDistributionMessage(a.address, key, b.senders)
  const sealOne = async () => (await signal.groupEncrypt(a.address, groupId, a.senders, TEXT)).serialize()
  const sealed = []
  let turn = false
  const bundle = bundleOf(b)
  return {
    name: 'libsignal',
    rows: {
      'seal + open, one way': () => pass(a, b),
      'every message ratchets': () => {
        turn = !turn
        return turn ? pass(b, a) : pass(a, b)
      },
      'room seal': async () => sealed.push(await sealOne()),
      'room open': async () => {
        await signal.groupDecrypt(a.address, b.senders, sealed.shift() ?? (await sealOne()))
      },
      'session start, both sides': async () => {
        await start(bundle)
      },
    },
  }
}
