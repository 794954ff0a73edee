/** IRC: ngircd and inspircd, without what they do against floods. */
import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import { hasProgram, type Launch, type Place } from '../server.ts'

export const ngircd: Peer = ircPeer('ngircd', launchNgircd)
export const inspircd: Peer = ircPeer('inspircd', launchInspircd)

function ircPeer(name: string, launch: (place: Place) => Launch): Peer {
  return {
    name,
    isDurable: false,
    hasEcho: false,
    missing: () => (hasProgram(name) ? undefined : name),
    launch,
    client: (party, wire) => new IrcClient(party, wire),
  }
}

function launchNgircd({ port, file }: Place): Launch {
  const config = [
    '[Global]',
    'Name = bench.example',
    'Info = bench',
    'Listen = 127.0.0.1',
    `Ports = ${port}`,
    ...(process.getuid?.() === 0 ? ['ServerUID = nobody', 'ServerGID = nogroup'] : []),
    '[Limits]',
    'MaxConnections = 0',
    'MaxConnectionsIP = 0',
    'MaxJoins = 0',
    'MaxPenaltyTime = 0',
    'PingTimeout = 3600',
    '[Options]',
    'DNS = no',
    'Ident = no',
    'PAM = no',
  ]
  return { command: 'ngircd', args: ['-n', '-f', file('ngircd.conf', `${config.join('\n')}\n`)] }
}

function launchInspircd({ port, folder, file }: Place): Launch {
  const limits =
    'timeout="60" pingfreq="3600" fakelag="no" threshold="100000" commandrate="1000000" ' +
    'softsendq="64M" hardsendq="256M" recvq="1M" localmax="20000" globalmax="20000" limit="20000" maxchans="100"'
  const config = [
    '<server name="bench.example" description="bench" network="Bench">',
    '<admin name="bench" email="bench@example.org" nick="bench">',
    `<bind address="127.0.0.1" port="${port}" type="clients">`,
    `<connect name="all" allow="*" resolvehostnames="no" useident="no" uniqueusername="no" ${limits}>`,
    '<performance netbuffersize="65536" somaxconn="4096" clonesonconnect="no">',
    '<options prefixquit="" >',
    `<pid file="${folder}/pid">`,
    `<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="${folder}/log">`,
  ]
  const path = file('inspircd.conf', `${config.join('\n')}\n`)
  const root = process.getuid?.() === 0 ? ['--runasroot'] : []
  return { command: 'inspircd', args: ['--nofork', '--config', path, ...root] }
}

class IrcClient implements Client {
  readonly #party: Party
  readonly #wire: Wire

  constructor(party: Party, wire: Wire) {
    this.#party = party
    this.#wire = wire
  }

  async login(): Promise<void> {
    const { name } = this.#party
    this.#wire.write(`NICK ${name}\r\nUSER ${name} 0 * :bench\r\n`)
    await this.#wire.until(/ (376|422) /u)
  }

  async join(): Promise<void> {
    const { room } = this.#party
    if (room === undefined) return
    this.#wire.write(`JOIN #${room}\r\n`)
    await this.#wire.until(/ 366 /u)
  }

  publication(body: Uint8Array): Publication {
    const { room, partner } = this.#party
    const to = room === undefined ? partner : `#${room}`
    return { message: Buffer.concat([Buffer.from(`PRIVMSG ${to} :`), body, Buffer.from('\r\n')]) }
  }
}
