import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { serverEnvironment } from '#molm/chat/tools/mcp/server-process.js'

const test = suite('the environment of an MCP server')

test('has addresses of proxies and of the registry without passwords, unless its configuration gives them', () => {
  const addresses: [given: string, passed: string][] = [
    ['http://proxy.example:3128', 'http://proxy.example:3128'],
    ['http://user:secret@proxy.example:3128/', 'http://proxy.example:3128/'],
    ['socks5h://token@[::1]:1080', 'socks5h://[::1]:1080'],
    ['user:sec@ret/@proxy.example', 'proxy.example'],
    ['http://user:sec\nret@proxy.example', 'http://proxy.example'],
    ['', ''],
  ]
  for (const name of ['HTTPS_PROXY', 'http_proxy', 'All_Proxy', 'npm_config_registry']) {
    for (const [given, passed] of addresses) assert.equal(serverEnvironment({}, { [name]: given }), { [name]: passed })
  }
  const own = { HTTPS_PROXY: 'http://user:secret@proxy.example' }
  assert.equal(serverEnvironment(own, { HTTPS_PROXY: 'http://other' }), own)
})

test('has nothing that may be a secret or a program', () => {
  const secret = { HF_TOKEN: 'x', AWS_SECRET_ACCESS_KEY: 'x', NODE_OPTIONS: 'x', PATH: '() { :; }' }
  assert.equal(serverEnvironment({}, { ...secret, HOME: '/home/ada', LC_ALL: 'C' }), { HOME: '/home/ada', LC_ALL: 'C' })
})

test.run()
