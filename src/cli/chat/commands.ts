/** What can be typed after a slash. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../../base/bytes.ts'
import { LIMITS, ROLES } from '../../codec/generated/registry.ts'
import { isLoopback, parseRelayAddress, type RelayAddress } from '../../node/address.ts'
import { nearestOf } from '../../node/nearest.ts'
import { fileError } from '../../node/private-file.ts'
import { reachOf } from '../../node/relay-transport.ts'
import type { ClientConversation } from '../../protocol/client/index.ts'
import { roomName } from '../connect.ts'
import { placeName } from '../content.ts'
import { usageError } from '../exit.ts'
import { about } from '../failure.ts'
import { sendFile } from '../file-sending.ts'
import { allRooms } from '../listing.ts'
import { sizeText } from '../output.ts'
import { parseCount, parseSeconds } from '../units.ts'
import { sealedRoom } from './room-commands.ts'
import { memberNames, type Talk } from './talk.ts'
import { showKey, trustKey, verifyKey } from './trust-commands.ts'

const PERCENT_STEP = 25

interface SlashCommand {
  readonly usage: string
  readonly help: string
  readonly isForOperators?: boolean
  readonly run: (talk: Talk, rest: string) => Promise<void> | void
}

const COMMANDS: Readonly<Record<string, SlashCommand>> = {
  join: { usage: '/join ROOM', help: 'enter a room; it is made when there is none', run: joinRoom },
  part: { usage: '/part [ROOM]', help: 'leave a room', run: partRoom },
  switch: {
    usage: '/switch ROOM|NICK|N',
    help: 'talk somewhere else (also Alt-1 to Alt-9)',
    run: switchPlace,
  },
  msg: { usage: '/msg NICK [TEXT]', help: 'talk to one person', run: message },
  me: {
    usage: '/me TEXT',
    help: 'say what you do',
    run: (talk, rest) => talk.say(talk.current, wanted(rest, 'TEXT'), true),
  },
  nick: { usage: '/nick', help: 'how to go by another name', run: explainNick },
  who: { usage: '/who', help: 'the members here', run: showMembers },
  whois: { usage: '/whois NICK', help: 'the key behind a name', run: showIdentity },
  topic: { usage: '/topic [TEXT]', help: 'show or set the topic', run: topic },
  rooms: { usage: '/rooms', help: 'the rooms of the relay', run: showRooms },
  send: { usage: '/send FILE', help: 'send a file', run: send },
  files: { usage: '/files', help: 'files that came and are kept in memory', run: showFiles },
  save: { usage: '/save NAME [DIR]', help: 'write such a file to disk', run: save },
  accept: { usage: '/accept NAME [DIR]', help: 'the same as /save', run: save },
  key: { usage: '/key [NICK]', help: 'keys and safety number of a sealed conversation', run: showKey },
  verify: {
    usage: '/verify [NICK] [yes|no|qr|NUMBER]',
    help: 'compare keys: by pictures, a code or the safety number',
    run: verifyKey,
  },
  trust: {
    usage: '/trust [NICK] [FINGERPRINT]',
    help: 'take a key that changed, or one by its fingerprint',
    run: trustKey,
  },
  sealed: {
    usage: '/sealed [ACTION] [NICK]',
    help: 'who can read this room; create, add, remove, admin, member, rekey, leave, close, accept',
    run: sealedRoom,
  },
  transport: {
    usage: '/transport [tcp|udp|ADDRESS]',
    help: 'how the session is carried, or carry it so',
    run: transport,
  },
  typing: {
    usage: '/typing [on|off]',
    help: 'whether others are told that you are typing, and what you have read',
    run: typing,
  },
  help: { usage: '/help', help: 'this list', run: help },
  quit: { usage: '/quit', help: 'leave (also Ctrl-C on an empty line)', run: (talk) => talk.leave() },
  kick: { usage: '/kick NICK [REASON]', help: 'put a member out', isForOperators: true, run: kick },
  ban: {
    usage: '/ban NICK[=DURATION] [REASON]',
    help: 'put out and keep out',
    isForOperators: true,
    run: ban,
  },
  unban: { usage: '/unban NICK', help: 'lift a ban', isForOperators: true, run: unban },
  op: {
    usage: '/op NICK',
    help: 'make a member operator',
    isForOperators: true,
    run: (talk, rest) => setRole(talk, rest, ROLES.operator),
  },
  deop: {
    usage: '/deop NICK',
    help: 'take that back',
    isForOperators: true,
    run: (talk, rest) => setRole(talk, rest, ROLES.member),
  },
  limit: { usage: '/limit N', help: 'members at the most', isForOperators: true, run: setLimit },
  lock: {
    usage: '/lock',
    help: 'close the room to newcomers',
    isForOperators: true,
    run: (talk) => setLocked(talk, true),
  },
  unlock: {
    usage: '/unlock',
    help: 'open it again',
    isForOperators: true,
    run: (talk) => setLocked(talk, false),
  },
  announce: {
    usage: '/announce TEXT',
    help: 'tell everybody on the relay',
    isForOperators: true,
    run: announce,
  },
}

/** Names of all commands. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS)

/** Sends a line, or does what it says when it begins with a slash. Never throws: what goes wrong is shown. */
export async function handleLine(talk: Talk, line: string): Promise<void> {
  try {
    if (line.startsWith('//')) await talk.say(talk.current, line.slice(1))
    else if (line.startsWith('/')) await runCommand(talk, line.slice(1))
    else if (line.trim() !== '') await talk.say(talk.current, line)
  } catch (error) {
    talk.showError(error)
  }
}

async function runCommand(talk: Talk, text: string): Promise<void> {
  const [, name = '', rest = ''] = /^(\S*)\s*(.*)$/su.exec(text) ?? []
  const command = Object.hasOwn(COMMANDS, name.toLowerCase()) ? COMMANDS[name.toLowerCase()] : undefined
  if (command) return command.run(talk, rest.trim())
  const nearest = nearestOf(name.toLowerCase(), COMMAND_NAMES)
  const hint =
    nearest === undefined
      ? 'see /help; a text that begins with / is sent with //'
      : `did you mean /${nearest}?`
  talk.fail(`there is no command /${name}; nothing was sent`, hint)
}

function wanted(rest: string, what: string): string {
  if (rest === '') throw usageError(`${what} is missing`)
  return rest
}

function here(talk: Talk): ClientConversation {
  if (!talk.current) throw usageError('you are in no room; join one with /join ROOM')
  return talk.current
}

function wordAndRest(rest: string, what: string): [string, string] {
  const [, word = '', more = ''] = /^(\S+)\s*(.*)$/su.exec(wanted(rest, what)) ?? []
  return [word, more]
}

// ---- talking ----------------------------------------------------------------------------------

async function joinRoom(talk: Talk, rest: string): Promise<void> {
  for (const room of wanted(rest, 'ROOM').split(/\s+/u)) await talk.join(roomName(room))
}

async function partRoom(talk: Talk, rest: string): Promise<void> {
  const conversation = rest === '' ? here(talk) : (talk.named(rest) ?? talk.named(`#${rest}`))
  if (!conversation) throw usageError(`you are not in ${rest}`)
  await talk.part(conversation)
}

function switchPlace(talk: Talk, rest: string): void {
  const place = wanted(rest, 'ROOM, NICK or N')
  const target = /^\d+$/u.test(place)
    ? talk.conversations[Number(place) - 1]
    : (talk.named(place) ?? talk.named(`#${place}`))
  if (!target)
    throw usageError(`you are not in ${place}; you are in ${talk.conversations.map(placeName).join(' ')}`)
  talk.switchTo(target)
}

async function message(talk: Talk, rest: string): Promise<void> {
  const [nick, text] = wordAndRest(rest, 'NICK')
  const conversation = await talk.openDirect(nick)
  if (text === '') talk.switchTo(conversation)
  else await talk.say(conversation, text)
}

function explainNick(talk: Talk): void {
  talk.info(
    `you are ${talk.client.nick}; a name is given when the session begins: start again with --nick NAME`,
  )
}

function showMembers(talk: Talk): void {
  const conversation = here(talk)
  const names = memberNames(conversation)
  talk.info(`${placeName(conversation)} (${names.length}): ${names.join(' ')}`)
}

async function showIdentity(talk: Talk, rest: string): Promise<void> {
  const name = wanted(rest, 'NICK')
  const identity = await about(name, talk.client.connection.request({ type: 'whois', name }))
  const role = identity.role === ROLES.member ? '' : ', operator of the relay'
  talk.info(`${identity.name} ${identity.online ? 'is here' : 'is away'}${role}; key ${hexOf(identity.key)}`)
}

async function topic(talk: Talk, rest: string): Promise<void> {
  const room = here(talk)
  if (rest === '') return talk.info(room.topic === '' ? 'there is no topic' : `topic: ${room.topic}`)
  await talk.client.connection.request({ type: 'setTopic', conversation: room.number, topic: rest })
}

/** The session moves; nothing is lost and nothing comes twice. */
async function transport(talk: Talk, rest: string): Promise<void> {
  const { connection, address } = talk.client
  if (rest === '') return talk.info(`carried by ${connection.transport}`)
  const target: RelayAddress =
    rest === 'tcp' || rest === 'udp' ? { ...address, transport: rest } : parseRelayAddress(rest, undefined)
  if (target.transport === 'tcp' && !isLoopback(target.host))
    throw usageError('tcp is not encrypted', 'to use it all the same, start with --transport tcp')
  await connection.switchTransport(await reachOf([target]))
  talk.info(`carried by ${target.transport} now`, [
    'status',
    { state: 'online', transport: target.transport },
  ])
}

function typing(talk: Talk, rest: string): void {
  if (rest !== '' && rest !== 'on' && rest !== 'off')
    throw usageError(`/typing ${rest}`, 'use /typing on|off')
  if (rest !== '') talk.signs.isTelling = rest === 'on'
  talk.info(
    `others are ${talk.signs.isTelling ? '' : 'not '}told that you are typing, and what you have read`,
  )
}

async function showRooms(talk: Talk): Promise<void> {
  const rooms = await allRooms(talk.client.connection)
  const lines = rooms.map(
    ({ name, count, limit, topic: about }) => `#${name} ${count}/${limit}${about === '' ? '' : `  ${about}`}`,
  )
  talk.info(lines.length === 0 ? 'there are no rooms' : lines.join('\n'))
}

function help(talk: Talk): void {
  const isOperator =
    (talk.current?.role ?? ROLES.member) > ROLES.member || talk.client.connection.facts.role > ROLES.member
  const shown = Object.values(COMMANDS).filter((each) => isOperator || each.isForOperators !== true)
  const lines = shown.map(({ usage, help: what }) => `${usage.padEnd(34)} ${what}`)
  talk.info([...lines, '//text                             sends /text'].join('\n'))
}

// ---- files ------------------------------------------------------------------------------------

function send(talk: Talk, rest: string): void {
  const path = wanted(rest, 'FILE').replace(/^~(?=\/)/u, process.env['HOME'] ?? '~')
  const conversation = here(talk)
  let told = 0
  const onProgress = (name: string, done: number, size: number): void => {
    const percent = size === 0 ? 100 : Math.floor((done / size) * 100)
    if (percent < told + PERCENT_STEP || percent === 100) return
    told = percent - (percent % PERCENT_STEP)
    talk.info(`sending ${name}: ${told} % of ${sizeText(size)}`)
  }
  const { connection, sealing } = talk.client
  const sending = sendFile({ connection, sealing, conversation, path, onProgress })
  talk.track(
    sending.then(({ name, size }) =>
      talk.info(`sent ${name} (${sizeText(size)}) to ${placeName(conversation)}`),
    ),
  )
}

function showFiles(talk: Talk): void {
  const { list } = talk.kept
  talk.info(
    list.length === 0
      ? 'no files are kept'
      : list.map(([name, size]) => `${name} (${sizeText(size)})`).join('\n'),
  )
}

function save(talk: Talk, rest: string): void {
  const [name, folder] = fileAndFolder(talk, wanted(rest, 'NAME'))
  const bytes = talk.kept.get(name)
  if (!bytes) throw usageError(`no file ${name} is kept; see /files`)
  const path = join(folder || '.', name)
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw usageError(`${path} is there already; nothing was overwritten`)
    throw fileError(error, `write ${path}`)
  }
  talk.kept.drop(name)
  talk.info(`saved ${path} (${sizeText(bytes.length)})`)
}

/** File names may hold blanks: the longest kept name that the words begin with counts. */
function fileAndFolder(talk: Talk, rest: string): [string, string] {
  const kept = talk.kept.list
    .map(([name]) => name)
    .filter((name) => rest === name || rest.startsWith(`${name} `))
  const name = kept.sort((a, b) => b.length - a.length)[0]
  return name === undefined ? wordAndRest(rest, 'NAME') : [name, rest.slice(name.length).trim()]
}

// ---- operators --------------------------------------------------------------------------------

async function kick(talk: Talk, rest: string): Promise<void> {
  const [name, reason] = wordAndRest(rest, 'NICK')
  await about(
    name,
    talk.client.connection.request({ type: 'kick', conversation: here(talk).number, name, reason }),
  )
}

async function ban(talk: Talk, rest: string): Promise<void> {
  const [word, reason] = wordAndRest(rest, 'NICK')
  const [name = '', duration] = word.split('=')
  const seconds = duration === undefined ? 0 : parseSeconds(duration, '/ban')
  const order = { type: 'ban', conversation: here(talk).number, name, seconds, reason } as const
  await about(name, talk.client.connection.request(order))
}

async function unban(talk: Talk, rest: string): Promise<void> {
  const name = wanted(rest, 'NICK')
  await about(name, talk.client.connection.request({ type: 'unban', conversation: here(talk).number, name }))
}

async function setRole(talk: Talk, rest: string, role: number): Promise<void> {
  const name = wanted(rest, 'NICK')
  await about(
    name,
    talk.client.connection.request({ type: 'setRole', conversation: here(talk).number, name, role }),
  )
}

async function setLimit(talk: Talk, rest: string): Promise<void> {
  const limit = parseCount(wanted(rest, 'N'), '/limit', 1, LIMITS.membersPerRoom * 1000)
  await talk.client.connection.request({ type: 'setLimit', conversation: here(talk).number, limit })
}

async function setLocked(talk: Talk, locked: boolean): Promise<void> {
  await talk.client.connection.request({ type: 'lock', conversation: here(talk).number, locked })
}

async function announce(talk: Talk, rest: string): Promise<void> {
  await talk.client.connection.request({ type: 'announce', text: wanted(rest, 'TEXT') })
}
