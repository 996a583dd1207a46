// batch on the emulated portal, over HTTP: halting, maps, places, references.
// Must stay true: expectations are those of protocol.md, section 2 and traps 3 to 6, 35 and 41.
import { describe, expect, it } from 'vitest'
import { type Method, RestError } from '../../emulator/method.ts'
import { batch, call, get, openPortal, post } from './portal-client.ts'

const fail: Method = {
  name: 'test.fail',
  scope: null,
  handle: ({ params }) => {
    throw new RestError(400, String(params.code ?? ''), 'No', { argument: 'X' })
  }
}
const value: Method = {
  name: 'test.value',
  scope: null,
  handle: () => ({ result: { item: { id: 7, name: 'Ann' }, list: [{ ID: '9' }] }, next: 50, total: 120 })
}
const nothing: Method = { name: 'test.null', scope: null, handle: () => ({ result: null }) }

const open = () => openPortal({ methods: [fail, value, nothing] })

describe('the answer', () => {
  it('trap 4: is always 200, sub-errors never fail it, and halt is off by default', async () => {
    const portal = await open()
    const { status, body } = await call(portal, 'batch', { cmd: { a: 'test.fail', b: 'test.echo?x=1' } })
    expect(status).toBe(200)
    expect(body.result).toMatchObject({
      result: { b: { x: '1' } },
      result_error: { a: { error: '', error_description: 'No', argument: 'X' } }
    })
  })

  it('trap 3: each map is by itself [], a list or an object', async () => {
    const portal = await open()
    const first = await batch(portal, ['test.fail', 'test.echo?x=1', 'test.echo?x=2'])
    expect(Array.isArray(first.result)).toBe(false)
    expect(Array.isArray(first.result_error)).toBe(true)
    expect(Object.keys(first.result)).toEqual(['1', '2'])
    expect([first.result_total, first.result_next]).toEqual([[], []])
    const second = await batch(portal, ['test.echo?x=1', 'test.fail', 'test.echo?x=2'])
    expect(second.result).toEqual({ 0: { x: '1' }, 2: { x: '2' } })
    expect(Object.keys(second.result_error)).toEqual(['1'])
    const all = await batch(portal, { 0: 'test.value', 1: 'test.null' })
    expect(all.result).toEqual([expect.anything(), null])
    expect([all.result_next, all.result_total, all.result_error]).toEqual([[50], [120], []])
    expect(await batch(portal, [])).toEqual({
      result: [],
      result_error: [],
      result_total: [],
      result_next: [],
      result_time: []
    })
  })

  it('has a time block for every executed command and none for errors', async () => {
    const portal = await open()
    const { result_time } = await batch(portal, { a: 'test.echo', b: 'test.fail', c: 'nope' })
    expect(Object.keys(result_time)).toEqual(['a'])
    expect(result_time.a).toMatchObject({ duration: expect.any(Number), operating: 0 })
  })

  it('trap 1: errors without a code are there, with their text', async () => {
    const portal = await open()
    const { result_error } = await batch(portal, { a: 'crm.company.get?id=404', b: 'crm.company.get' })
    expect(result_error).toEqual({
      a: { error: '', error_description: 'Not found' },
      b: { error: '', error_description: 'ID is not defined or invalid.' }
    })
  })

  it('says insufficient_scope without a text', async () => {
    const portal = await open()
    const url = portal.webhook({ scope: ['user'] })
    const { body } = await post(`${url}batch`, JSON.stringify({ cmd: { a: 'crm.company.list' } }))
    expect(body.result).toMatchObject({ result_error: { a: { error: 'insufficient_scope', error_description: '' } } })
  })
})

describe('halt', () => {
  it('trap 5: is PHP truth, so the text "false" is on', async () => {
    const portal = await open()
    const cmd = { a: 'test.fail', b: 'test.echo' }
    for (const [halt, on] of [
      [0, false],
      ['0', false],
      ['', false],
      [false, false],
      [1, true],
      ['1', true],
      [true, true],
      ['false', true]
    ]) {
      const { result } = await batch(portal, cmd, halt)
      expect([halt, !Object.hasOwn(result, 'b')]).toEqual([halt, on])
    }
    const form = await post(`${portal.webhookUrl}batch`, 'halt=false&cmd[a]=test.fail&cmd[b]=test.echo', 'a/b')
    expect(form.body.result).toMatchObject({ result: [], result_error: { a: { error: '' } } })
  })

  it('leaves what was done and shows nothing of what was not reached', async () => {
    const portal = await open()
    const cmd = {
      a: 'crm.company.add?fields[TITLE]=A',
      b: 'crm.company.get?id=999',
      c: 'crm.company.add?fields[TITLE]=C'
    }
    const halted = await batch(portal, cmd, 1)
    expect([Object.keys(halted.result), Object.keys(halted.result_error)]).toEqual([['a'], ['b']])
    expect(portal.state.counts().companies).toBe(1)
  })
})

describe('commands', () => {
  it('takes names of parameters in any letter case, by GET and POST', async () => {
    const portal = await open()
    const { body } = await get(`${portal.webhookUrl}BATCH?HALT=0&Cmd[a]=Test.Echo%3Fx%3D1`)
    expect(body.result).toMatchObject({ result: { a: { x: '1' } } })
  })

  it('trap 35: what is no text vanishes and still takes one of the 50 places', async () => {
    const portal = await open()
    const commands: unknown[] = Array.from({ length: 51 }, (_, at) => `test.echo?x=${at}`)
    commands[0] = { method: 'test.echo' }
    commands[1] = 5
    const { result, result_error } = await batch(portal, commands)
    expect(Object.keys(result)).toHaveLength(48)
    expect(result_error).toEqual({
      50: { error: 'ERROR_BATCH_LENGTH_EXCEEDED', error_description: 'Max batch length exceeded' }
    })
  })

  it('refuses the 51st and later ones, with halt only the 51st', async () => {
    const portal = await open()
    const commands = Array.from({ length: 53 }, () => 'test.echo')
    expect(Object.keys((await batch(portal, commands)).result_error)).toEqual(['50', '51', '52'])
    expect(Object.keys((await batch(portal, commands, 1)).result_error)).toEqual(['50'])
    expect(portal.stats.commands['test.echo']).toBe(100)
  })

  it('refuses batch, download and upload, and does not know other names', async () => {
    const portal = await open()
    const { result_error } = await batch(portal, { a: 'batch?cmd[a]=profile', b: 'upload', c: 'no.such' })
    expect([result_error.a?.error, result_error.b?.error, result_error.c]).toEqual([
      'ERROR_BATCH_METHOD_NOT_ALLOWED',
      'ERROR_BATCH_METHOD_NOT_ALLOWED',
      { error: 'ERROR_METHOD_NOT_FOUND', error_description: 'Method not found!' }
    ])
  })

  it('splits commands like addresses: what follows a raw # is lost', async () => {
    const portal = await open()
    const { result } = await batch(portal, { a: 'test.echo?x=1%232&y=a+b#&z=3', b: 'test.echo?n%5B%3EID%5D=0' })
    expect(result).toEqual({ a: { x: '1#2', y: 'a b' }, b: { n: { '>ID': '0' } } })
  })
})

describe('references', () => {
  const first = async (query: string, before = 'test.value') => {
    const portal = await open()
    const { result } = await batch(portal, { a: before, b: `test.echo?${query}` })
    return result.b
  }

  it('are replaced with their type, deep values and page numbers too', async () => {
    expect(
      await first(
        'id=$result[a][item][id]&item[x]=$result[a][list][0]&next=$next[a]&total=$total[a]&name=$result[a][item][name]'
      )
    ).toEqual({ id: 7, item: { x: { ID: '9' } }, next: 50, total: 120, name: 'Ann' })
  })

  it('are spliced into longer texts when they are scalar, and swallow what sticks to them', async () => {
    expect(await first('t=Hello+$result[a][item][name],+bye&n=%23$result[a][item][id]&o=see+$result[a][item]')).toEqual(
      {
        t: 'Hello Ann bye',
        n: '#7',
        o: 'see $result[a][item]'
      }
    )
  })

  it('look their word up as it is spelled, take characters of texts and ignore segments of numbers', async () => {
    expect(
      await first(
        'u=$RESULT[a]&c=$result[a][item][name][1]&i=$result[a][item][id][x][y]&n=$result+of+the+year&p=$result[]'
      )
    ).toEqual({ u: null, c: 'n', i: 7, n: '$result of the year', p: '$result[]' })
  })

  it('trap 6: one to a failed command becomes the whole map of results so far', async () => {
    const portal = await open()
    const { result } = await batch(portal, {
      ok: 'test.echo?v=1',
      bad: 'test.fail',
      next: 'test.echo?id=$result[bad]&text=id+$result[bad]&missing=$result[ok][nope]&error=$error[bad][error_description]'
    })
    expect(result.next).toEqual({
      id: { ok: { v: '1' } },
      text: 'id $result[bad]',
      missing: { v: '1' },
      error: 'No'
    })
  })

  it('trap 41: text that looks like one is replaced inside a batch, but not in a single call', async () => {
    const portal = await open()
    const title = 'Price $total[a] today'
    await batch(portal, { a: 'crm.company.list', b: `crm.company.add?fields[TITLE]=${encodeURIComponent(title)}` })
    await call(portal, 'crm.company.add', { fields: { TITLE: title } })
    expect(portal.state.records('company').map(({ values }) => values.TITLE)).toEqual(['Price 0 today', title])
  })

  it('count the offsets of a text in bytes, as PHP does (fidelity, F14)', async () => {
    const portal = await open()
    const { result } = await batch(portal, {
      a: 'test.echo?x=aя',
      b: 'test.echo?first=$result[a][x][0]&half=$result[a][x][1]&last=$result[a][x][-1]'
    })
    expect(result.b).toEqual({ first: 'a', half: '\uFFFD', last: '\uFFFD' })
  })

  it('cannot reach the prototypes of objects', async () => {
    const portal = await open()
    const { result } = await batch(portal, {
      __proto__x: 'test.echo',
      b: 'test.echo?x=t+$result[constructor][name]&y=t+$result[__proto__][constructor][name]'
    })
    expect(result.b).toEqual({ x: 't $result[constructor][name]', y: 't $result[__proto__][constructor][name]' })
  })

  it('link a contact to its company within one batch', async () => {
    const portal = await open()
    await batch(portal, {
      c1: 'crm.company.add?fields[TITLE]=A',
      p1: 'crm.contact.add?fields[NAME]=B&fields[COMPANY_IDS][0]=%24result%5Bc1%5D'
    })
    expect(portal.state.companyIdsOf(1)).toEqual([1])
  })
})
