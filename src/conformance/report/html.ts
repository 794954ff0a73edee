/** One page that needs nothing else: cases, every exchange, and the sentences by their result. */
import { annotated } from './annotate.ts'
import { commandOf, countsOf, type Run, type Sentence, type Verdict, verdictOf } from './run.ts'

const RANK: readonly Verdict[] = ['failed', 'unexpected-pass', 'expected', 'skipped', 'passed']

function escaped(text: string): string {
  return text.replace(/&/gu, '&amp;').replace(/</gu, '&lt;').replace(/>/gu, '&gt;').replace(/"/gu, '&quot;')
}

/** The report as one HTML file. */
export function htmlOf(runs: readonly Run[], sentences: readonly Sentence[]): string {
  const data = JSON.stringify(runs.map(shownRun)).replace(/</gu, '\\u003c')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Palaver conformance</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>${STYLE}</style></head><body>
<header><h1>Palaver conformance</h1>${runs.map(summary).join('')}
<nav><a href="#matrix">Cases</a> <a href="#spec">Sentences</a>
<input id="filter" placeholder="filter, such as HSK or failed" aria-label="filter"></nav></header>
<main><section id="matrix"><table><thead><tr><th>case</th><th>tests</th>
${runs.map((run) => `<th>${escaped(run.implementation)}<br>${run.transport}</th>`).join('')}</tr></thead>
<tbody>${matrixRows(runs)}</tbody></table></section>
<section id="spec"><h2>Sentences</h2>${sentenceRows(runs, sentences)}</section></main>
<dialog id="exchange"><button id="done">close</button><div id="detail"></div></dialog>
<script type="application/json" id="data">${data}</script><script>${SCRIPT}</script></body></html>
`
}

function summary(run: Run): string {
  const counts = countsOf(run)
  const failed = counts.failed + counts['unexpected-pass']
  return `<p class="${failed === 0 ? 'passed' : 'failed'}">${escaped(run.implementation)} ${run.transport}:
<b>${counts.passed}</b> passed, <b>${failed}</b> failed, ${counts.skipped} not run,
in ${(run.elapsedMs / 1000).toFixed(1)} s</p>`
}

function matrixRows(runs: readonly Run[]): string {
  const ids = new Map<string, readonly string[]>()
  for (const run of runs) for (const { id, requirements } of run.cases) ids.set(id, requirements)
  const tables = runs.map((run) => new Map(run.results.map((result) => [result.id, result])))
  return [...ids]
    .map(([id, requirements]) => {
      const cells = runs.map((run, index) => {
        const result = tables[index]?.get(id)
        if (!result) return '<td></td>'
        const verdict = verdictOf(run, result)
        const button = `<button data-run="${index}" data-id="${escaped(id)}">${SIGNS[verdict]}</button>`
        return `<td class="${verdict}">${button}</td>`
      })
      const links = requirements.map((each) => `<a href="#${each}">${each.slice(4)}</a>`).join(' ')
      return `<tr><th scope="row">${escaped(id)}</th><td>${links}</td>${cells.join('')}</tr>`
    })
    .join('\n')
}

const SIGNS: Readonly<Record<Verdict, string>> = {
  passed: '✓ passed',
  failed: '✗ failed',
  skipped: '– not run',
  expected: '✗ expected',
  'unexpected-pass': '! passes now',
}

/** The worst verdict of the cases that test each sentence. */
function verdictsBySentence(runs: readonly Run[]): Map<string, { verdict: Verdict; count: number }> {
  const found = new Map<string, { verdict: Verdict; count: number }>()
  for (const run of runs)
    for (const [index, result] of run.results.entries()) {
      const verdict = verdictOf(run, result)
      for (const id of new Set([...(run.cases[index]?.requirements ?? []), ...result.broken])) {
        const before = found.get(id)
        const isWorse = !before || RANK.indexOf(verdict) < RANK.indexOf(before.verdict)
        found.set(id, { verdict: isWorse ? verdict : before.verdict, count: (before?.count ?? 0) + 1 })
      }
    }
  return found
}

function sentenceRows(runs: readonly Run[], sentences: readonly Sentence[]): string {
  const verdicts = verdictsBySentence(runs)
  let chapter = ''
  return sentences
    .map(({ id, sentence, chapter: of }) => {
      const found = verdicts.get(id)
      const head = of === chapter ? '' : `<h3>${escaped(of.replace(/^spec\/|\.md$/gu, ''))}</h3>`
      chapter = of
      const shown = found ? `${SIGNS[found.verdict]} in ${found.count} runs of cases` : 'no case here'
      const text = `<code>${id}</code> ${escaped(sentence)} <small>${shown}</small>`
      return `${head}<p id="${id}" class="${found?.verdict ?? 'none'}">${text}</p>`
    })
    .join('\n')
}

function shownRun(run: Run): object {
  return Object.fromEntries(
    run.results.map((result, index) => [
      result.id,
      {
        verdict: SIGNS[verdictOf(run, result)],
        detail: result.detail,
        step: result.step,
        steps: run.cases[index]?.steps,
        command: commandOf(run, result.id),
        notes: result.notes.map(({ who, direction, lane, hex, text }) => ({
          head: `${who} ${direction} lane ${lane}: ${text}`,
          pieces: hex === '' ? [] : annotated(hex).map((piece) => [piece.hex, piece.name]),
        })),
      },
    ]),
  )
}

const STYLE = `
:root{color-scheme:light dark;--ok:#e3f4e5;--bad:#fbdcdc;--skip:#eee;--line:#ccc}
@media(prefers-color-scheme:dark){:root{--ok:#173a1c;--bad:#511;--skip:#333;--line:#555}}
body{font:15px/1.45 system-ui,sans-serif;margin:0}header,main{padding:0 1.2rem}
header{position:sticky;top:0;background:Canvas;border-bottom:1px solid var(--line);z-index:1}
h1{font-size:1.2rem;margin:.5rem 0}
header p{display:inline-block;margin:0 .6rem .4rem 0;padding:.1rem .5rem;border-radius:4px}
table{border-collapse:collapse}th,td{border:1px solid var(--line);padding:2px 6px}
th,td{text-align:left;font-weight:normal}
thead th{font-weight:bold}td button{all:unset;cursor:pointer;padding:0 .3rem}
button:focus-visible{outline:2px solid}
.passed{background:var(--ok)}.failed,.unexpected-pass{background:var(--bad)}
.skipped,.expected,.none{background:var(--skip)}
#spec p{margin:.2rem 0;padding:.2rem .5rem;max-width:60rem}small{opacity:.75}
dialog{width:min(70rem,92vw);max-height:85vh}pre{white-space:pre-wrap;overflow-wrap:anywhere}
.piece{display:inline-block;margin:1px 4px 1px 0}
.piece{font-family:ui-monospace,monospace;font-size:12px;border-bottom:1px solid var(--line)}
.piece i{opacity:.7;font-style:normal}`

const SCRIPT = `
const data=JSON.parse(document.getElementById('data').textContent)
const dialog=document.getElementById('exchange'),detail=document.getElementById('detail')
const add=(tag,text,parent,name)=>{const e=document.createElement(tag);e.textContent=text
if(name)e.className=name;parent.append(e);return e}
document.getElementById('done').onclick=()=>dialog.close()
document.querySelector('tbody').onclick=(event)=>{const b=event.target.closest('button');if(!b)return
const shown=data[b.dataset.run][b.dataset.id];detail.textContent=''
add('h2',b.dataset.id+' '+shown.verdict,detail)
if(shown.detail)add('p',shown.step+': '+shown.detail,detail,'failed')
add('pre',shown.command,detail);add('h3','Steps',detail)
add('pre',(shown.steps||[]).join('\\n'),detail);add('h3','Exchange',detail)
for(const note of shown.notes){add('div',note.head,detail);const line=add('div','',detail)
for(const[hex,name]of note.pieces){const p=add('span',hex+' ',line,'piece');add('i',name,p)}}
dialog.showModal()}
document.getElementById('filter').oninput=(event)=>{const text=event.target.value.toLowerCase()
for(const row of document.querySelectorAll('tbody tr,#spec p'))
row.hidden=!row.textContent.toLowerCase().includes(text)}`
