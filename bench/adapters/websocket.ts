/**
 * WebSocket servers on Node: a plain broadcast with ws, and socket.io. Our masks are zero, which is allowed.
 */
import { randomBytes } from 'node:crypto'
import type { Wire } from '../engine.ts'
import type { Client, Party, Peer, Publication } from '../peer.ts'
import { npmPeer } from './npm.ts'

const TEXT_FRAME = 0x81
const MASKED = 0x80

export const wsBroadcast: Peer = {
  ...webSocketPeer('ws', '/'),
  ...npmPeer('ws.mjs'),
}

export const socketIo: Peer = {
  ...webSocketPeer('socket.io', '/socket.io/?EIO=4&transport=websocket'),
  ...npmPeer('socket-io.mjs'),
}

function webSocketPeer(name: string, path: string): Omit<Peer, 'missing' | 'launch'> {
  return {
    name,
    isDurable: false,
    hasEcho: true,
    client: (party, wire) => new WebSocketClient(party, wire, path, name === 'socket.io'),
  }
}

function textFrame(text: Uint8Array): Buffer {
  const { length } = text
  const head = length < 126 ? [MASKED | length] : [MASKED | 126, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(TEXT_FRAME, ...head, 0, 0, 0, 0), text])
}

class WebSocketClient implements Client {
  readonly #party: Party
  readonly #wire: Wire
  readonly #path: string
  readonly #isSocketIo: boolean

  constructor(party: Party, wire: Wire, path: string, isSocketIo: boolean) {
    this.#party = party
    this.#wire = wire
    this.#path = path
    this.#isSocketIo = isSocketIo
  }

  async login(): Promise<void> {
    const lines = [
      `GET ${this.#path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ]
    this.#wire.write(`${lines.join('\r\n')}\r\n\r\n`)
    if (!this.#isSocketIo) return void (await this.#wire.until(/101 .*\r\n\r\n/su))
    await this.#wire.until(/\{"sid".*\}/u)
    this.#write('40')
    await this.#wire.until(/40\{"sid".*\}/u)
  }

  async join(): Promise<void> {
    const own = JSON.stringify(['join', this.#party.room ?? this.#party.name])
    this.#write(this.#isSocketIo ? `42${own}` : own)
    await this.#wire.until(/joined/u)
  }

  publication(body: Uint8Array): Publication {
    const to = this.#party.room ?? this.#party.partner
    const message = JSON.stringify(['say', to, Buffer.from(body).toString()])
    return { message: textFrame(Buffer.from(this.#isSocketIo ? `42${message}` : message)) }
  }

  #write(text: string): void {
    this.#wire.write(textFrame(Buffer.from(text)))
  }
}
