/** Chat on a terminal. The prompt is on the screen before anything is loaded that connects. */

import { CONVERSATION_KINDS } from '../../codec/generated/registry.ts'
import type { Arguments } from '../args.ts'
import { styleOf, wantsColour } from '../style.ts'
import { TabCycle } from './completion.ts'
import { type Key, KeyDecoder } from './keys.ts'
import { type EditorAction, LineEditor } from './line-editor.ts'
import type { Talk } from './talk.ts'
import { TerminalView } from './terminal-view.ts'

/** The longest message text, as in the registry, which is not loaded yet when the editor starts. */
const LINE_BYTES_MAX = 16_384
/** After so long a lone escape is the key Esc and not the beginning of a sequence. */
const ESCAPE_MS = 50
const STANDARD_ROOM = 'lobby'

/** Runs until the person leaves; resolves with the exit code. */
export async function runTerminal(args: Arguments): Promise<number> {
  const editor = new LineEditor(LINE_BYTES_MAX)
  const style = styleOf(wantsColour(process.stdout, args.has('no-color')))
  const status = {
    nick: args.text('nick') ?? process.env['PALAVER_NICK'] ?? '…',
    place: undefined,
    isOnline: true,
    unread: [],
  }
  const view = new TerminalView(process.stdout, editor, style, status)
  const keyboard = new Keyboard(view, editor)
  const restore = (): void => {
    view.stop()
    keyboard.stop()
  }
  process.on('exit', restore)
  keyboard.start()
  view.start()
  try {
    await talkOn(args, view, keyboard)
  } finally {
    restore()
  }
  return 0
}

async function talkOn(args: Arguments, view: TerminalView, keyboard: Keyboard): Promise<void> {
  const [
    { close, connect, roomNames, targetOf, untilClosed },
    { Talk },
    { COMMAND_NAMES, handleLine },
    { interruption },
    { Patience },
    { historyOption },
  ] = await Promise.all([
    import('../connect.ts'),
    import('./talk.ts'),
    import('./commands.ts'),
    import('../interrupt.ts'),
    import('../patience.ts'),
    import('./history.ts'),
  ])
  const { address, words } = targetOf(args)
  const rooms = roomNames(words, address)
  const talk = new Talk({ view, history: historyOption(args, true), saveFolder: args.text('save') })
  const patience = new Patience(args, true, false)
  const lasting = { patience, acknowledges: 'auto', takesSignals: true } as const
  talk.signs.isTelling = !args.has('no-typing')
  const interrupted = Promise.race([interruption(), keyboard.left])
  const client = await Promise.race([
    connect(
      args,
      address,
      (event) => talk.handle(event),
      lasting,
      (news) => talk.tell(news),
    ),
    interrupted,
  ])
  if (!client) return
  try {
    await Promise.race([talk.start(client, rooms.length > 0 ? rooms : [STANDARD_ROOM]), interrupted])
    keyboard.attach({
      talk,
      commands: COMMAND_NAMES,
      submit: (line) => {
        void handleLine(talk, line)
      },
    })
    await Promise.race([talk.quit, untilClosed(client.connection, patience), interrupted])
  } finally {
    patience.stop()
    talk.end()
    await close(client.connection)
  }
}

/** Who gets what is typed. */
interface Listener {
  readonly talk: Talk
  readonly commands: readonly string[]
  readonly submit: (line: string) => void
}

/** From the terminal's bytes to the editor, and to whoever listens. */
class Keyboard {
  /** Resolves when the person left. */
  readonly left: Promise<undefined>
  readonly #view: TerminalView
  readonly #editor: LineEditor
  readonly #decoder = new KeyDecoder()
  readonly #tab = new TabCycle()
  /** Lines typed before the session was open. */
  readonly #early: string[] = []
  #listener: Listener | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #settleLeft!: () => void
  #isStopped = false

  constructor(view: TerminalView, editor: LineEditor) {
    this.#view = view
    this.#editor = editor
    this.left = new Promise((resolve) => {
      this.#settleLeft = () => resolve(undefined)
    })
  }

  start(): void {
    process.stdin.setRawMode(true)
    process.stdin.on('data', this.#onData)
    process.stdin.on('end', this.#settleLeft)
    process.stdout.on('resize', this.#onResize)
    process.on('SIGCONT', this.#onContinue)
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#timer)
    process.stdin.off('data', this.#onData)
    process.stdin.setRawMode(false)
    process.stdin.pause()
  }

  attach(listener: Listener): void {
    this.#listener = listener
    for (const line of this.#early.splice(0)) listener.submit(line)
  }

  readonly #onResize = (): void => {
    this.#view.redraw()
  }

  readonly #onContinue = (): void => {
    if (this.#isStopped) return
    process.stdin.setRawMode(true)
    this.#view.start()
  }

  readonly #onData = (bytes: Buffer): void => {
    clearTimeout(this.#timer)
    this.#handleKeys(this.#decoder.push(bytes))
    if (this.#decoder.isWaiting)
      this.#timer = setTimeout(() => this.#handleKeys(this.#decoder.flush()), ESCAPE_MS)
  }

  #handleKeys(keys: readonly Key[]): void {
    if (keys.length === 0) return
    for (const key of keys) {
      const action = this.#editor.handleKey(key)
      if (action.kind !== 'complete') this.#tab.reset()
      this.#act(action)
    }
    const talk = this.#listener?.talk
    talk?.signs.typed(talk.current, this.#editor.text)
    this.#view.redraw()
  }

  #act(action: EditorAction): void {
    switch (action.kind) {
      case 'submit':
        if (this.#listener) this.#listener.submit(action.line)
        else this.#early.push(action.line)
        return
      case 'switch':
        return this.#listener?.talk.switchBy(action.to)
      case 'complete':
        return this.#complete()
      case 'leave':
        return this.#settleLeft()
      case 'redraw':
        return this.#view.clear()
      case 'too_long':
        return this.#view.bell()
      case 'suspend':
        return this.#suspend()
      default:
    }
  }

  #complete(): void {
    const listener = this.#listener
    if (!listener) return
    const { talk, commands } = listener
    // After a command somebody from any room may be meant; otherwise those who read along come to mind.
    const places = this.#editor.before.startsWith('/') ? talk.conversations : [talk.current]
    const names = new Set(
      places.flatMap((place) => [...(place?.members.values() ?? [])].map(({ name }) => name)),
    )
    names.delete(talk.client.nick)
    const rooms = talk.conversations
      .filter(({ kind }) => kind === CONVERSATION_KINDS.room)
      .map(({ name }) => name)
    const before = this.#tab.next(this.#editor.before, { names: [...names], rooms, commands })
    if (before === undefined) this.#view.bell()
    else this.#editor.set(before, this.#editor.after)
  }

  /** Ctrl-Z: the shell gets a usable terminal, and #onContinue takes it back. */
  #suspend(): void {
    this.#view.stop()
    process.stdin.setRawMode(false)
    process.kill(process.pid, 'SIGTSTP')
  }
}
