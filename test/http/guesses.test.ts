// Wrong secrets: what they cost, whom, and for how long.
import { expect, test } from 'vitest'
import { createGuesses } from '../../server/http/guesses.ts'

const open = () => {
  const clock = { now: 1000 }
  return { clock, guesses: createGuesses(() => clock.now) }
}

test('each further guess of an address waits longer, up to some seconds', () => {
  const { clock, guesses } = open()
  const waits = Array.from({ length: 600 }, () => {
    const wait = guesses.wrong('10.0.0.1')
    clock.now += wait
    return wait
  })
  for (const [index, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(waits[index - 1] ?? 0)
  expect(waits[0]).toBeLessThan(100)
  expect(waits.at(-1)).toBe(5000)
  expect(guesses.isFlooded('10.0.0.1')).toBe(false)
})

test('guesses at once stand in line; behind a long line nothing is looked at until it is worked off', () => {
  const { clock, guesses } = open()
  const waits = Array.from({ length: 1000 }, () => guesses.wrong('10.0.0.1'))
  expect(guesses.isFlooded('10.0.0.1')).toBe(true)
  expect(Math.max(...waits)).toBeLessThan(15_001)
  clock.now += 15_000
  expect(guesses.isFlooded('10.0.0.1')).toBe(false)
})

test('no address waits for another; a /64 of IPv6 is one', () => {
  const { guesses } = open()
  for (let guess = 0; guess < 1000; guess++) guesses.wrong('10.0.0.1')
  for (let guess = 0; guess < 1000; guess++) guesses.wrong(`2001:db8:1:2::${(guess + 1).toString(16)}`)
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8:1:2:ffff::', '2001:0db8:0001:0002::9']) {
    expect(guesses.isFlooded(address), address).toBe(true)
  }
  for (const address of ['10.0.0.2', '::1', '2001:db8:1:3::1', '2001:db8:1::2', '']) {
    expect(guesses.isFlooded(address), address).toBe(false)
  }
})

test('is forgotten after a while, and never more than ten thousand addresses are remembered', () => {
  const { clock, guesses } = open()
  for (let guess = 0; guess < 50; guess++) guesses.wrong('10.0.0.1')
  const grown = guesses.wrong('10.0.0.1')
  clock.now += 3_600_000
  expect(guesses.wrong('10.0.0.1')).toBeLessThan(grown)
  for (let index = 0; index < 30_000; index++) guesses.wrong(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
  expect(guesses.size()).toBe(10_000)
})
