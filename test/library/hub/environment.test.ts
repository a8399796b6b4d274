import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hubEnvironment } from '#molm/library/hub/transfer/environment.js'
import { askedWait } from '#molm/library/hub/transfer/retry.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('an empty environment means the hub itself and the default cache', async () => {
  const { endpoint, cache, offline } = await hubEnvironment({})
  assert.is(endpoint, 'https://huggingface.co')
  assert.is(cache, join(homedir(), '.cache', 'huggingface', 'hub'))
  assert.not(offline)
})

test('folders follow HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME, in this order', async () => {
  const cacheOf = async (env: NodeJS.ProcessEnv) => (await hubEnvironment(env)).cache
  const env = { XDG_CACHE_HOME: '/x', HF_HOME: '/h', HF_HUB_CACHE: '/c' }
  assert.is(await cacheOf(env), '/c')
  assert.is(await cacheOf({ ...env, HF_HUB_CACHE: '' }), join('/h', 'hub'))
  assert.is(await cacheOf({ XDG_CACHE_HOME: '/x' }), join('/x', 'huggingface', 'hub'))
})

test('the token is HF_TOKEN, else from a login', async () => {
  await inTemporaryFolder(async (dir) => {
    const env = { HF_HOME: join(dir, 'home') }
    assert.is((await hubEnvironment(env)).token, undefined)
    await mkdir(env.HF_HOME)
    await writeFile(join(env.HF_HOME, 'token'), 'hf_stored\n')
    assert.is((await hubEnvironment(env)).token, 'hf_stored')
    assert.is((await hubEnvironment({ ...env, HF_TOKEN: ' hf_given ' })).token, 'hf_given')
  })
})

test('a mirror’s URL keeps its path, without trailing slashes', async () => {
  assert.is(
    (await hubEnvironment({ HF_ENDPOINT: 'https://mirror.example/hf//' })).endpoint,
    'https://mirror.example/hf',
  )
})

test('offline has the values of the hub’s own tools', async () => {
  const isOffline = async (text: string) => (await hubEnvironment({ HF_HUB_OFFLINE: text })).offline
  for (const text of ['1', 'true', 'ON', 'Yes']) assert.ok(await isOffline(text), text)
  for (const text of ['', '0', 'false', 'off', 'no']) assert.not(await isOffline(text), text)
})

test('a server asks to wait for seconds, until a date, or until its limit ends', () => {
  assert.is(askedWait({}), 0)
  assert.is(askedWait({ 'retry-after': '7' }), 7000)
  assert.is(askedWait({ 'retry-after': 'soon' }), 0)
  const inAMinute = askedWait({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })
  assert.ok(inAMinute > 58_000 && inAMinute <= 60_000)
  assert.is(askedWait({ 'retry-after': new Date(0).toUTCString() }), 0)
  assert.is(askedWait({ ratelimit: '"resolvers";r=0;t=37' }), 37_000)
})

test.run()
