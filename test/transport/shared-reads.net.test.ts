/** Sockets that read into one buffer, and those that cannot. */
import { type AddressInfo, createServer, type Server, Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { readIntoShared } from '../../src/transport/shared-reads.ts'

const sockets: Socket[] = []
let server: Server | undefined

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await new Promise((done) => (server ? server.close(done) : done(undefined)))
  server = undefined
})

/** A socket that a server accepted, and who dialled it. */
async function accepted(): Promise<[near: Socket, far: Socket]> {
  const far = new Socket()
  const accepting = createServer()
  server = accepting
  accepting.listen(0, '127.0.0.1', () => far.connect((accepting.address() as AddressInfo).port, '127.0.0.1'))
  const near = await new Promise<Socket>((resolve) => accepting.once('connection', resolve))
  sockets.push(near, far)
  return [near, far]
}

test('on this Node sockets that a server accepted read into one buffer, whoever reads', async () => {
  const buffers = new Set<ArrayBufferLike>()
  for (const word of ['one', 'other']) {
    const [near, far] = await accepted()
    near.on('data', () => expect.fail('read otherwise'))
    const read = new Promise<string>((resolve) => {
      const isDone = readIntoShared(near, (byteCount, shared) => {
        buffers.add(shared.buffer)
        resolve(Buffer.from(shared.subarray(0, byteCount)).toString())
      })
      expect(isDone).toBe(true)
    })
    far.write(word)
    expect(await read).toBe(word)
    server?.close()
  }
  expect(buffers.size).toBe(1)
})

test('what was read before goes first, by the ordinary way; so does all without a connection', async () => {
  const [near, far] = await accepted()
  far.write('early')
  await new Promise((done) => near.once('readable', done))
  expect(readIntoShared(near, () => expect.fail('read at once'))).toBe(false)
  const read = new Promise((resolve) => near.on('data', (chunk) => resolve(chunk.toString())))
  expect(await read).toBe('early')
  expect(readIntoShared(new Socket(), () => expect.fail('read at once'))).toBe(false)
})
