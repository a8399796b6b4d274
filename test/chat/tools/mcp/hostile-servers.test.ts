import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectServers } from '#molm/chat/tools/mcp/connect-servers.js'
import { thrownBy } from '../../../support/rejects.js'
import { PATIENCE_MS, until } from '../../../support/until.js'
import { call, hasEnded, hostileServer, SHOWS_PROCESSES, withServers } from './with-servers.js'

const test = suite('hostile MCP servers')

/** Lists of tools that a server may cause without a wait, the first among them. */
const AT_ONCE = 9

/** Calls the tool of a server with this fault. Returns its answer or error, and the notes. */
async function called(fault: string, callTime = PATIENCE_MS): Promise<{ said: string; notes: string[] }> {
  const seen = { said: '', notes: [] as string[] }
  await withServers(
    [hostileServer(fault)],
    async (connections, notes) => {
      seen.notes = notes
      seen.said = await call(connections, 'work').catch((error) => error.message)
    },
    { callTime },
  )
  return seen
}

async function startError(fault: string, startTime?: number): Promise<string> {
  const error = await thrownBy(connectServers([hostileServer(fault)], { version: '1', startTime }))
  return error instanceof Error ? error.message : 'no error'
}

const CONTROL = /(?!\n)\p{Cc}|\u202e/u

test('fails in words if a server does not start', async () => {
  assert.is(
    await startError('dies at once'),
    'MCP server hostile ended (exit code 1); it wrote:\n\\x1b[31mno configuration\\x1b[0m',
  )
  assert.is(
    await startError('dies with a long report'),
    'MCP server hostile ended (exit code 1); it wrote:\nError: no key\ncannot continue\nfatal: the last error',
  )
  assert.is(await startError('never starts', 300), 'MCP server hostile did not start within 0.3 s')
  assert.match(
    await startError('other version'),
    /^MCP server hostile speaks version "1999-01-01" of the protocol; molm speaks 2025-11-25, /,
  )
  assert.is(await startError('no list'), 'MCP server hostile answered tools/list without a list of tools')
})

test('names a server that the system refuses to start', async () => {
  const long = { ...hostileServer(''), args: ['x'.repeat(2 ** 22)] }
  const error = await thrownBy(connectServers([hostileServer(''), long], { version: '1' }))
  assert.match(String(error), /^UserError: MCP server hostile-2 cannot start: /)
})

test('bounds the number of tools, and pages that never end', async () => {
  await withServers([hostileServer('thousands')], async ({ tools }, notes) => {
    assert.is(tools.length, 128)
    assert.equal(notes, ['MCP server hostile has more than 128 tools; the others are left out'])
  })
  await withServers([hostileServer('circle')], async ({ tools }, notes) => {
    assert.equal(
      tools.map(({ name }) => name),
      ['one'],
    )
    assert.equal(notes, [])
  })
})

test('makes names of tools safe, and leaves out tools that are none', async () => {
  await withServers([hostileServer('names')], async ({ tools }, notes) => {
    const names = tools.map(({ name }) => name)
    assert.equal(names, ['bad__2J__0_owned__gnpname', 'x'.repeat(64), '____', 'schemaless'])
    for (const text of [...notes, ...tools.map(({ description = '' }) => description)]) {
      assert.not.match(text, CONTROL)
    }
    assert.equal(tools[3].parameters, { type: 'object' })
    assert.is(notes.length, 3, notes.join('\n'))
  })
})

test('gives the model no invisible text of descriptions, schemas and results', async () => {
  await withServers([hostileServer('hides')], async ({ tools }) => {
    assert.is(tools[0].description, 'adds \u{1f469}\u200d\u{1f680}')
    assert.equal(tools[0].parameters, { type: 'object', properties: { a: { description: 'a number' } } })
  })
  assert.is((await called('hides')).said, 'sum')
})

test('says that a server has no tools', () => {
  return withServers([hostileServer('no tools')], async ({ tools }, notes) => {
    assert.equal([tools, notes], [[], ['MCP server hostile has no tools']])
  })
})

test('reports lines that are no messages once, and reads on', async () => {
  const { said, notes } = await called('garbage')
  assert.is(said, 'after garbage')
  assert.is(notes.length, 1)
  assert.match(notes[0], /^MCP server hostile wrote a line that is no message: Listening on /)
  assert.not.match(notes[0], CONTROL)
})

test('fails a call whose answer cannot be read', async () => {
  assert.match((await called('half JSON')).said, /^MCP server hostile: wrote a message: not valid JSON/)
  assert.match((await called('deep')).said, /^MCP server hostile: wrote a message: .*nested more than 64 deep/)
  assert.is(
    (await called('no result')).said,
    'MCP server hostile: answered tools/call with neither a result nor an error',
  )
  const { said } = await called('error')
  assert.match(said, /^MCP server hostile: no .*\(-32602\)$/)
  assert.not.match(said, CONTROL)
  assert.is((await called('silent', 200)).said, 'MCP server hostile: did not answer within 0.2 s')
})

test('takes an answer by its id only', async () => {
  const { said, notes } = await called('wrong id')
  assert.is(said, 'right')
  assert.equal(notes, ['MCP server hostile answered a request that there was not: "another"'])
})

test('reads contents that are no text as what they are', async () => {
  assert.is((await called('content')).said, '\n[hologram: not shown]\n')
  assert.is((await called('no content')).said, 'the tool failed without a message')
})

test('ends a server whose line does not end, without keeping it', async () => {
  const before = process.memoryUsage().rss
  const { said, notes } = await called('endless')
  assert.is(said, 'MCP server hostile: wrote a line of more than 8.39 MB')
  assert.equal(notes, ['MCP server hostile wrote a line of more than 8.39 MB\nits tools give errors from now on'])
  assert.ok(process.memoryUsage().rss - before < 200e6)
})

test('lists tools that change all the time about once a second, beginning with the first change', async () => {
  const began = performance.now()
  await withServers([hostileServer('always changes')], async (connections, notes) => {
    let lists = 0
    await until(async () => {
      lists = Number(await call(connections, 'work'))
      return lists > AT_ONCE
    }, 'a list after the lists that come at once')
    const most = AT_ONCE + 1 + (performance.now() - began) / 1000
    assert.ok(lists < most && notes.length < most, `${lists} lists, ${notes.length} notes, at most ${most}`)
    assert.is(connections.tools.length, 2)
  })
})

test('marks a tool whose description changes', () => {
  return withServers([hostileServer('changes its tool')], async (connections) => {
    const stateOf = () => connections.tools.map(({ name, description, isChanged }) => [name, description, isChanged])
    const first = connections.tools
    assert.equal(stateOf(), [['work', 'adds', false]])
    await call(connections, 'work')
    await until(() => connections.tools !== first, 'the new list')
    assert.equal(stateOf(), [['work', 'sends', true]])
  })
})

test('survives a flood of notifications', async () => {
  assert.equal(await called('flood'), { said: 'after the flood', notes: [] })
})

test('reports a server that is killed or closes its output', async () => {
  assert.is((await called('killed')).said, 'MCP server hostile: ended (SIGKILL)')
  assert.is((await called('closed output')).said, 'MCP server hostile: closed its output')
})

test('leaves no process behind, neither the server nor what it has started', async () => {
  const check = async (fault: string, count: number) => {
    let pids: number[] = []
    await withServers([hostileServer(fault)], async (connections) => {
      pids = (await call(connections, 'work')).split(' ').map(Number)
      assert.is(pids.length, count)
    })
    for (const pid of pids) await hasEnded(pid, `${fault}: ${pid}`)
  }
  await Promise.all([check('stubborn', 2), check('leaves a child', 2)])
  if (SHOWS_PROCESSES) await check('leaves sessions', 3)
})

test.run()
