import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseLines } from '../cli/molm.js'
import { repositoryPath } from '../support/fixtures.js'
import { writeParrot } from '../support/parrot-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/* The commands of docs/RECIPES.md run as written, with a model that says a given answer. */

const test = suite('docs/RECIPES.md')
const text = await readFile(repositoryPath('docs/RECIPES.md'), 'utf8')

/** The sections of the document, by their titles. */
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
)

function blocksOf(title: string, language: string): string[] {
  const section = sections.get(title) ?? ''
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block)
}

/** A folder with files, a model, and `molm` as a command. */
class Workplace {
  constructor(
    readonly folder: string,
    private readonly model: string,
  ) {}

  async write(files: Record<string, string>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, name)), { recursive: true })
      await writeFile(join(this.folder, name), content)
    }
  }

  /** Adds a command to the system's commands. */
  async command(name: string, script: string): Promise<void> {
    await this.write({ [`.bin/${name}`]: `#!/bin/sh\n${script}\n` })
    await chmod(join(this.folder, '.bin', name), 0o755)
  }

  read(name: string): Promise<string> {
    return readFile(join(this.folder, name), 'utf8')
  }

  /** Runs a script as a user would. Returns what it prints. */
  run(script: string): string {
    const env = {
      ...process.env,
      PATH: `${join(this.folder, '.bin')}:${process.env.PATH}`,
      MOLM_MODEL: this.model,
      MOLM_HOME: '/nonexistent',
      GIT_EDITOR: 'true',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
    }
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: this.folder, env, encoding: 'utf8' })
    assert.is(status, 0, stderr)
    return stdout
  }
}

/** Uses a place with a model that says this, or with nano. */
function withAnswer(says: string | undefined, use: (place: Workplace) => Promise<void>): Promise<void> {
  return inTemporaryFolder(async (dir) => {
    const answers = says === undefined ? undefined : [{ says }]
    const model = answers ? await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers }) : 'nano'
    const place = new Workplace(join(dir, 'work'), model)
    await place.command('molm', `exec "${process.execPath}" "${repositoryPath('bin/molm.js')}" "$@"`)
    await use(place)
  })
}

/** Runs `molm serve` with words for Node, asks for its page and its models, and ends it as a service manager does. */
async function servesPage(words: readonly string[]): Promise<void> {
  const server = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(server.stdout, 'data')
  const [url] = /http:\/\/[\w.:]+/.exec(String(said)) ?? []
  const asked = await Promise.all([url, `${url}/v1/models`].map((address) => fetch(String(address))))
  assert.equal(
    asked.map(({ status }) => status),
    [200, 200],
  )
  server.kill('SIGTERM')
  assert.equal(await once(server, 'exit'), [0, null])
}

const title = 'Count the lines of each shard'

const RECIPES: Record<string, () => Promise<void>> = {
  'A table of answers, with nano': () =>
    withAnswer(undefined, async (place) => {
      const rows = ['France,Paris', 'Italy,Rome', 'Japan,Tokyo', 'Norway,Oslo', 'Egypt,Cairo']
      const table = rows.map((row) => `"${row.replace(',', '","')}"\n`).join('')
      assert.is(place.run(blocksOf('A table of answers, with nano', 'sh')[0]), table)
    }),
  'A commit message from a diff': () =>
    withAnswer(title, async (place) => {
      const [command, hook] = blocksOf('A commit message from a diff', 'sh')
      place.run('git init -q . && git config user.name A && git config user.email a@b.c && echo .bin > .gitignore')
      const subject = () => place.run('git log -1 --format=%B').trim()
      place.run(`echo 1 > a.txt && git add . && ${command}`)
      assert.is(subject(), title)
      place.run(hook)
      place.run('echo 2 > a.txt && git commit -q -a')
      assert.is(subject(), title)
      assert.is(place.run('git rev-list --count HEAD').trim(), '2')
      place.run('echo 3 > a.txt && git commit -q -a -m "My own"')
      assert.is(subject(), 'My own')
    }),
  'A summary of a file': () =>
    withAnswer('It is about tea.', async (place) => {
      await place.write({ 'report.txt': 'Tea is a drink.\n', 'notes/a.md': '# "Tea"\n', 'notes/b.md': 'Tea\n' })
      const [one, folder] = blocksOf('A summary of a file', 'sh')
      assert.is(place.run(one), 'It is about tea.\n')
      assert.is(place.run(folder), 'notes/a.md: It is about tea.\nnotes/b.md: It is about tea.\n')
    }),
  'A table from a log': () =>
    withAnswer('{"path": "/a,b", "status": 502, "cause": "server"}', async (place) => {
      const lines = ['GET /a,b 502 12', 'GET /ok 200 3', 'GET /a,b 503 9']
      await place.write({ 'access.log': `${lines.join('\n')}\n` })
      const [command] = blocksOf('A table from a log', 'sh')
      for (let i = 0; i < 2; i++) place.run(command)
      assert.is(await place.read('failed.csv'), '"/a,b",502,"server"\n"/a,b",502,"server"\n')
    }),
  'A nightly batch': () =>
    withAnswer('praise', async (place) => {
      place.run(blocksOf('A nightly batch', 'sh')[0])
      const review = (id: number) => `${JSON.stringify({ id, prompt: `Good number ${id}` })}\n`
      await place.write({ 'reviews.jsonl': review(1) })
      place.run('./nightly.sh')
      const before = await place.read('answers.jsonl')
      await place.write({ 'reviews.jsonl': review(1) + review(2) })
      place.run('./nightly.sh')
      const after = await place.read('answers.jsonl')
      assert.ok(after.startsWith(before))
      const answers = parseLines(after).map(({ id, text }) => `${id} ${text}`)
      assert.equal(answers, ['1 praise', '2 praise'])
      const units = blocksOf('A nightly batch', 'ini')
      const names = units.map((unit) => /^# (\S+)\n/.exec(unit)?.[1] ?? '')
      assert.equal(names, ['reviews.service', 'reviews.timer'])
      if (spawnSync('systemd-analyze', ['--version']).status !== 0) return
      const [service, timer] = units
      await place.write({ 'reviews.service': service.replace('%h/reviews', place.folder), 'reviews.timer': timer })
      place.run('systemd-analyze verify ./reviews.service ./reviews.timer')
    }),
  'A service for every login': () =>
    withAnswer(undefined, async (place) => {
      const molm = join(place.folder, '.bin', 'molm')
      await rm(molm)
      // As npm installs it.
      await symlink(repositoryPath('bin/molm.js'), molm)
      for (const name of ['systemctl', 'launchctl']) await place.command(name, `echo ${name} "$*" >> .calls`)
      for (const script of blocksOf('A service for every login', 'sh')) place.run(`export HOME="$PWD"\n${script}`)
      assert.match(
        await place.read('.calls'),
        /^systemctl --user daemon-reload\nsystemctl .*\nlaunchctl bootstrap gui\/\d+ \//,
      )
      const unit = '.config/systemd/user/molm.service'
      if (spawnSync('systemd-analyze', ['--version']).status === 0)
        place.run(`XDG_RUNTIME_DIR="$PWD" systemd-analyze --user verify ./${unit}`)
      const [, line] = /^ExecStart=(.*)$/m.exec(await place.read(unit)) ?? []
      const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare)
      const list = await place.read('Library/LaunchAgents/molm.serve.plist')
      const [, programs] = /<key>ProgramArguments<\/key>\s*<array>(.*?)<\/array>/s.exec(list) ?? []
      assert.equal(
        [...programs.matchAll(/<string>(.*?)<\/string>/g)].map(([, word]) => word),
        words,
      )
      await servesPage([...words.slice(1), '--port', '0'])
    }),
  'A translation of the clipboard': () =>
    withAnswer('Good morning', async (place) => {
      await place.command('wl-paste', 'echo "Guten Morgen"')
      await place.command('wl-copy', 'cat > clipboard')
      place.run(blocksOf('A translation of the clipboard', 'sh')[0])
      assert.is(await place.read('clipboard'), 'Good morning\n')
    }),
  'A question about a man page': () =>
    withAnswer('find . -mtime -2', async (place) => {
      await place.command('man', 'printf "N\\bNAME\\n-mtime n\\n  days\\n"')
      assert.is(place.run(blocksOf('A question about a man page', 'sh')[0]), 'find . -mtime -2\n')
    }),
  'The cause of an error': () =>
    withAnswer('A file is missing.', async (place) => {
      await place.command('make', 'echo "no rule to make target" >&2; exit 2')
      assert.is(place.run(blocksOf('The cause of an error', 'sh')[0]), 'A file is missing.\n')
    }),
  'Names for files': () =>
    withAnswer('gas-bill', async (place) => {
      await place.write({ 'scan 1.txt': 'Gas', 'scan2.txt': 'Other' })
      place.run(blocksOf('Names for files', 'sh')[0])
      assert.equal((await readdir(place.folder)).sort(), ['.bin', 'gas-bill.txt', 'scan2.txt'])
      assert.is(await place.read('gas-bill.txt'), 'Gas')
    }),
  'Fields of a text, for jq': () =>
    withAnswer('{"sender": "Gas Ltd", "amount": 42.5}', async (place) => {
      await place.write({ 'invoice.txt': 'Gas Ltd: 42.50' })
      assert.is(place.run(blocksOf('Fields of a text, for jq', 'sh')[0]), '42.5 to Gas Ltd\n')
    }),
  'A decision in a script': () =>
    withAnswer('yes', async (place) => {
      await place.write({ 'mail.txt': 'Buy now' })
      place.run(blocksOf('A decision in a script', 'sh')[0])
      assert.is(await place.read('junk/mail.txt'), 'Buy now')
    }),
}

for (const [name, check] of Object.entries(RECIPES)) test(`${name}: the commands do it`, check)

test('each recipe has a test', () => {
  assert.equal([...sections.keys()], Object.keys(RECIPES))
})

test.run()
