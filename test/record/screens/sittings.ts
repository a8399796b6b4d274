/** A chat or another program at a terminal. */
export interface Sitting {
  /** Arguments of molm, with blanks between. `$SERVER` is the command of an MCP server. */
  args: string
  size: [columns: number, rows: number]
  env?: Record<string, string>
  /** Keys, a text that shows that all is done or the end of the program, and the name of the screen's record, if any. */
  steps: [keys: string, shows: RegExp | 'end', name?: string][]
}

const [LEFT, DOWN, HOME, TAB, ESCAPE] = ['\x1b[D', '\x1b[B', '\x1b[H', '\t', '\x1b']
const [CTRL_C, CTRL_D, CTRL_T, CTRL_U] = ['\x03', '\x04', '\x14', '\x15']

const OPEN = /write something[\s\S]*\/help$/
/** The status line of a chat that waits for input. */
const IDLE = '[\\s\\S]*experts of the last token[\\s\\S]*context [\\d/]+ [\\s\\S]*/help$'
const idleAfter = (text: string): RegExp => new RegExp(text + IDLE)

const LANTERN = 'What is a lantern?\r'
const GREEDY = 'chat --temperature 0'

export const SITTINGS: Record<string, Sitting> = {
  nano: {
    args: GREEDY,
    size: [80, 24],
    steps: [
      ['', OPEN, 'opening'],
      [LANTERN, idleAfter('be carried\\.[\\s\\S]*experts woke'), 'answer'],
      [LEFT, /experts of token 29 of 30/, 'walk'],
      [HOME + DOWN, /layer 1 attention expert 6 .*gate/, 'walk-layer'],
      [TAB, /layer 1 attention expert 4 .*gate/, 'walk-next-expert'],
      [ESCAPE, /experts of the last token/],
      ['/map\r', /share of the answers' \d+ tokens/, 'map-usage'],
      ['/map layer 3\r', /layer 3 of 6 · a row per token/, 'map-layer'],
      ['/map newest\r', /experts of the last token/],
      ['/hel', /› \/hel/, 'suggestions'],
      [CTRL_U, /› *\n.*\/help$/],
      ['/help\r', idleAfter('/edit \\[text\\] .*'), 'help'],
      ['/help experts\r', idleAfter('/unmask.*'), 'help-experts'],
      ['/set\r', idleAfter('markdown on'), 'settings'],
      ['/set temperature hot\r', idleAfter('! temperature must be'), 'setting-refused'],
      ['/hlep\r', idleAfter('no command /hlep'), 'command-misspelt'],
      ['/without 0:attention:0,4 0:mlp:1-6\r', idleAfter('words? differs?'), 'without'],
      ['/expert 3:mlp:5\r', idleAfter('chosen by \\d+ of'), 'expert'],
      ['/colour expert 3\r', idleAfter('/colour expert 3[\\s\\S]*be carried'), 'colours'],
      ['/undo\r', /taken back[\s\S]*› What is a lantern\?/, 'undo'],
      [CTRL_U, /› +\n|›\n|› What is a lighthouse/],
      [CTRL_D, 'end', 'leaving'],
    ],
  },
  wide: {
    args: GREEDY,
    size: [120, 40],
    steps: [
      ['', OPEN, 'wide-opening'],
      [LANTERN, idleAfter('be carried\\.[\\s\\S]*experts woke'), 'wide-answer'],
      ['/mask 3:mlp:0-11\r', /\d+ experts? off/, 'wide-mask'],
      [
        'What is 23 + 45?\r',
        idleAfter('23 \\+ 45\\?[\\s\\S]*23 \\+ 45[\\s\\S]*half of the work'),
        'wide-second-answer',
      ],
      [LEFT, /experts of token \d+ of \d+/, 'wide-walk'],
      ['x', /off[\s\S]*temperature 0|on again/, 'wide-expert-off'],
    ],
  },
  narrow: {
    args: GREEDY,
    size: [42, 16],
    steps: [
      ['', OPEN, 'narrow-opening'],
      [LANTERN, idleAfter('be carried\\.'), 'narrow-answer'],
      [LEFT, /experts of token 29 of 30/, 'narrow-walk'],
    ],
  },
  plain: {
    args: `${GREEDY} -m models/plain`,
    size: [80, 40],
    env: { NO_COLOR: '1' },
    steps: [
      ['', OPEN, 'no-colour-opening'],
      ['Hi\r', idleAfter('A plain answer\\.[\\s\\S]*woke'), 'no-colour-answer'],
    ],
  },
  markdown: {
    args: `${GREEDY} -m models/plain`,
    size: [80, 48],
    steps: [
      ['', OPEN],
      ['Draw boats.\r', idleAfter('ends this\\.[\\s\\S]*woke'), 'markdown'],
      ['/set markdown off\r', idleAfter('set markdown off'), 'markdown-off'],
      ['/edit Hi\r', /› What is a ship\?/, 'edited'],
    ],
  },
  tools: {
    args: `${GREEDY} -m models/parrot --mcp $SERVER`,
    // Wide enough for the whole status line, whose parts depend on the speed otherwise.
    size: [100, 32],
    steps: [
      ['', OPEN],
      ['How many days?\r', idleAfter('There are seven\\.[\\s\\S]*woke'), 'thoughts'],
      [CTRL_T, idleAfter('A week has them all'), 'thoughts-open'],
      ['Add them.\r', /run add\?[\s\S]*· asking/, 'tool-question'],
      ['y', idleAfter('→ 5[\\s\\S]*knows the answer\\.[\\s\\S]*woke'), 'tool-result'],
      ['/retry\r', /\/retry[\s\S]*run add\?[\s\S]*· asking/],
      ['n', idleAfter('→ declined[\\s\\S]*do not know\\.'), 'tool-declined'],
      ['Wait for it.\r', /run slow\?[\s\S]*· asking/],
      ['y', /running slow \.\.\.[\s\S]*· running slow/, 'tool-running'],
      [CTRL_C, idleAfter('→ stopped[\\s\\S]*interrupted'), 'tool-stopped'],
      ['/tools\r', idleAfter('die of support'), 'tools'],
      ['/think\r', idleAfter('› /think\\n.*\\n'), 'think'],
    ],
  },
  left: {
    args: GREEDY,
    size: [80, 24],
    steps: [
      ['', OPEN],
      [CTRL_C, /Ctrl-C again leaves/, 'leaving-asked'],
      [CTRL_C, 'end', 'left'],
    ],
  },
  kept: {
    args: `${GREEDY} --resume lanterns`,
    size: [80, 24],
    steps: [
      ['', /resumed lanterns[\s\S]*\/help$/, 'resumed'],
      ['/list\r', /\/resume NUMBER[\s\S]*\/help$/, 'kept-list'],
      ['/resume 2\r', /23 \+ 45 = 68[\s\S]*\/help$/, 'kept-other'],
      ['/rename sums\r', /sums[\s\S]*sums[\s\S]*\/help$/, 'kept-renamed'],
    ],
  },
  dumb: {
    args: GREEDY,
    size: [80, 24],
    env: { TERM: 'dumb' },
    steps: [
      ['', /write something[\s\S]*>/],
      [LANTERN, /half of the work\n+>/],
      ['/set top-k\r', /top-k 40\n+>/],
      ['/nothing\r', /no command \/nothing[\s\S]*>$/],
      ['/exit\r', 'end', 'dumb'],
    ],
  },
  run: {
    args: 'run --temperature 0 --stats What is a lantern?',
    size: [60, 24],
    steps: [['', 'end', 'run']],
  },
  'run-tools': {
    args: 'run --temperature 0 -m models/parrot --show-thinking --mcp $SERVER Add them.',
    size: [80, 24],
    steps: [
      ['', /add[\s\S]*\[?y/, 'run-tool-question'],
      ['y\r', 'end', 'run-tool-result'],
    ],
  },
  'run-stopped': {
    args: 'run --temperature 0 -m models/parrot --mcp $SERVER --yes slow Wait for it.',
    size: [80, 24],
    steps: [
      ['', /calls slow/],
      [CTRL_C, 'end', 'run-stopped'],
    ],
  },
  nowhere: { args: 'chat -m nowhere', size: [80, 24], steps: [['', 'end', 'no-such-model']] },
  'no-conversation': { args: 'chat --resume no', size: [80, 24], steps: [['', 'end', 'no-such-conversation']] },
  list: { args: 'chat --list', size: [80, 24], steps: [['', 'end', 'conversations']] },
  models: { args: 'list', size: [80, 24], steps: [['', 'end', 'models']] },
  help: { args: '--help', size: [60, 40], steps: [['', 'end', 'help-narrow']] },
}
