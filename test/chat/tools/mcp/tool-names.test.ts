import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ToolNames } from '#molm/chat/tools/mcp/tool-names.js'

const test = suite('names of tools')

const SERVERS = ['a', 'b', 'c', 'd', 'a_b', 'a_b.c', 'a_b/c']
const named = (...pairs: [server: string, tool: string][]) => namedBy(new ToolNames(SERVERS), ...pairs)
const namedBy = (names: ToolNames, ...pairs: [server: string, tool: string][]) =>
  names.of(pairs.map(([server, tool]) => ({ server, tool })))

test('are the tools’ own, if they differ and every interface accepts them', () => {
  assert.equal(named(['a', 'read_file'], ['b', 'list-dir']), ['read_file', 'list-dir'])
  assert.equal(named(['a', 'files.read'], ['a', 'größe']), ['files_read', 'gr__e'])
})

test('differ for all tools, however similar', () => {
  assert.equal(named(['a', 'x'], ['b', 'x'], ['c', 'y']), ['a_x', 'b_x', 'y'])
  assert.equal(named(['a', 'x.y'], ['a', 'x/y'], ['a', 'x:y']), ['a_x_y', 'a_x_y_2', 'a_x_y_3'])
  const long = 'x'.repeat(70)
  const names = named(['a', `${long}1`], ['a', `${long}2`], ['b', long])
  assert.is(new Set(names).size, 3)
  for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/)
})

test('that begin with the name of a server are of its tools only, in every order', () => {
  const pairs: [server: string, tool: string][] = [
    ['a', 'x'],
    ['b', 'x'],
    ['c', 'a_x'],
    ['c', 'a_y'],
    ['a', 'b_x'],
    ['a_b', 'x'],
    ['a', 'a_z'],
  ]
  const names = ['a_x', 'b_x', 'c_a_x', 'c_a_y', 'a-2_b_x', 'a_b_x', 'a_z']
  assert.equal(named(...pairs), names)
  assert.equal(named(...[...pairs].reverse()).reverse(), names)
  const alike = named(['a_b/c', 'x'], ['a_b.c', 'x'], ['a', 'b'], ['d', 'b'], ['a', 'b!'], ['a', 'b?'])
  assert.equal(alike, ['a_b_c-2_x', 'a_b_c_x', 'a_b', 'd_b', 'a-2_b_', 'a-2_b__2'])
})

test('stay with their tools, so that a call that was allowed by name never runs another tool', () => {
  const names = new ToolNames(SERVERS)
  const both: [string, string][] = [
    ['a', 'read'],
    ['b', 'read'],
  ]
  assert.equal(namedBy(names, ...both), ['a_read', 'b_read'])
  assert.equal(namedBy(names, ...both, ['b', 'a_read']), ['a_read', 'b_read', 'b_a_read'])
  assert.equal(namedBy(names, ['b', 'a_read'], ['b', 'read']), ['b_a_read', 'b_read'])
  assert.equal(namedBy(names, ['c', 'a_read'], ['c', 'read']), ['c_a_read', 'read'])
  assert.equal(namedBy(names, ['a', 'read'], ['d', 'read']), ['a_read', 'd_read'])
})

test.run()
