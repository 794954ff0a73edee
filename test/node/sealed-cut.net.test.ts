/** Sealed rooms whose links are cut while operations and messages are under way, over both transports. */
import { createServer, connect as dial, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { connect, type PalaverRoom, type PalaverSession, type SealingReport } from '../../src/node/library.ts'
import type { LibraryRoomSealing } from '../../src/node/library-rooms.ts'
import { RelayServer } from '../../src/node/relay-server.ts'
import { ephemeralStore } from '../../src/node/store.ts'
import { udpTransport } from '../../src/node/udp-transport.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function relay() {
  const server = new RelayServer({ relay: { name: 'test' }, store: ephemeralStore() })
  cleanups.push(() => server.close(200))
  const tcp = (await server.listen(tcpTransport, { host: '127.0.0.1', port: 0 })).port
  const udp = (await server.listen(udpTransport(), { host: '127.0.0.1', port: 0 })).port
  const cut = (): void => {
    for (const link of server.core.hub.links) link.owner.abort()
  }
  return { tcp, udp, cut }
}

class Member {
  readonly heard: string[] = []
  readonly news: SealingReport[] = []
  session!: PalaverSession
  room!: PalaverRoom

  async join(address: string, nick: string): Promise<this> {
    const onSealing = (news: SealingReport): unknown => this.news.push(news)
    this.session = await connect(address, { nick, e2ee: 'prefer', onSealing })
    cleanups.push(() => this.session.close())
    this.room = await this.session.join('plans')
    return this
  }

  get sealing(): LibraryRoomSealing {
    return this.session.sealing(this.room) as LibraryRoomSealing
  }

  async listen(): Promise<void> {
    for await (const message of this.room.messages()) if (!message.own) this.heard.push(message.text())
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function sealedRoom(...addresses: string[]): Promise<Member[]> {
  const names = ['alice', 'bob', 'carol']
  const members = await Promise.all(
    addresses.map((address, i) => new Member().join(address, names[i] as string)),
  )
  const [admin, ...others] = members as [Member, ...Member[]]
  admin.sealing.create()
  for (const [i, other] of others.entries()) {
    await admin.sealing.add(names[i + 1] as string)
    await until(() => other.news.some(({ kind }) => kind === 'room_invited'))
    other.sealing.accept()
    await until(() => other.sealing.facts?.epoch === admin.sealing.facts?.epoch)
  }
  for (const each of members) {
    // What was said before somebody was added it cannot read.
    each.news.length = 0
    each.listen()
  }
  return members
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

//= PAL-SRM-031
test.each(['tcp', 'udp'] as const)(
  'over %s all agree afterwards, and nothing is lost',
  async (transport) => {
    const { tcp, udp, cut } = await relay()
    const address = `${transport}://127.0.0.1:${transport === 'tcp' ? tcp : udp}`
    const members = await sealedRoom(address, address, address)
    const [alice, bob] = members as [Member, Member, Member]
    const said: string[] = []
    const sent: Promise<unknown>[] = []
    const say = (by: Member, text: string): void => {
      said.push(text)
      sent.push(by.room.send(text))
    }
    for (const moment of [0, 2, 5]) {
      say(bob, `bob before ${moment}`)
      sent.push(alice.sealing.rekey())
      say(alice, `alice amid ${moment}`)
      await turns(moment)
      cut()
      say(bob, `bob without a link ${moment}`)
      await Promise.all(sent)
    }
    const others = (by: Member, name: string): string[] =>
      said.filter((text) => by !== alice || !text.startsWith(name))
    await until(() => members.every((each) => each.heard.length >= (each === members[2] ? said.length : 1)))
    await until(() => alice.heard.length >= others(alice, 'alice').length)
    expect([...(members[2] as Member).heard].sort()).toEqual([...said].sort())
    expect([...alice.heard].sort()).toEqual([...others(alice, 'alice')].sort())
    await until(() => new Set(members.map(({ sealing }) => sealing.facts?.epoch)).size === 1)
    for (const { news } of members)
      expect(news.filter(({ kind }) => kind === 'room_unreadable' || kind === 'room_split')).toEqual([])
  },
  60_000,
)

/** A way to the relay that can be closed. */
async function gate(port: number) {
  let isOpen = true
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    if (!isOpen) {
      socket.destroy()
      return
    }
    const onward = dial(port, '127.0.0.1')
    for (const each of [socket, onward]) {
      sockets.add(each)
      each.on('error', () => {})
      each.on('close', () => sockets.delete(each))
    }
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  return {
    port: (server.address() as { port: number }).port,
    open: () => {
      isOpen = true
    },
    shut: () => {
      isOpen = false
      for (const each of sockets) each.destroy()
    },
  }
}

//= PAL-SRM-025
//= PAL-SRM-031
test('what was written without a link is sealed with the keys that there are when it goes out', async () => {
  const { tcp } = await relay()
  const way = await gate(tcp)
  const [alice, bob] = (await sealedRoom(`tcp://127.0.0.1:${tcp}`, `tcp://127.0.0.1:${way.port}`)) as [
    Member,
    Member,
  ]
  const onTheWay = bob.room.send('on the way')
  way.shut()
  const away = [bob.room.send('one'), bob.room.send('two')]
  // As many epochs as nobody keeps keys of.
  for (let i = 0; i < 4; i++) await alice.sealing.rekey()
  await alice.room.send('meanwhile')
  way.open()
  await Promise.all([onTheWay, ...away])
  await until(() => alice.heard.length >= 3 && bob.heard.length >= 1)
  expect(alice.heard).toEqual(['on the way', 'one', 'two'])
  expect(bob.heard).toEqual(['meanwhile'])
  expect(alice.news.filter(({ kind }) => kind === 'room_unreadable')).toEqual([])
  expect(bob.sealing.facts?.epoch).toBe(alice.sealing.facts?.epoch)
}, 60_000)
