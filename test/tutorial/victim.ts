/** Somebody who joins a room and is killed. Arguments: tcp or udp, port. */
import { type Kind, Person } from './party.ts'

const [kind, port] = process.argv.slice(2)
const person = await Person.open(kind as Kind, { host: '127.0.0.1', port: Number(port) }, 'victim')
await person.join('lobby')
