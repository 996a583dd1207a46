// The number of records while a run changes it.
// Must stay true: nothing is counted twice, whatever a count in the middle of a run says.
import { expect, test } from 'vitest'
import { createLiveTotal } from '../../placement/live-total.ts'

const running = { id: 'a', running: true }
const ended = { id: 'a', running: false }

test('follows a create run from the count before it', () => {
  const total = createLiveTotal()
  total.read(7)
  total.changed(running, 0)
  total.changed(running, 50)
  expect(total.value()).toBe(57)
})

test('does not add what a count in the middle of the run holds already', () => {
  const total = createLiveTotal()
  total.read(7)
  total.changed(running, 50)
  // 200 more were in flight when the portal counted.
  total.read(257)
  total.changed(running, 150)
  expect(total.value()).toBe(257)
  total.changed(running, 300)
  expect(total.value()).toBe(307)
})

test('follows a clear run downwards, and never below nothing', () => {
  const total = createLiveTotal()
  total.read(100)
  total.changed(running, -40)
  expect(total.value()).toBe(60)
  total.changed(running, -120)
  expect(total.value()).toBe(0)
})

test('goes on with a resumed run from the count after its first part', () => {
  const total = createLiveTotal()
  total.changed(ended, 40)
  total.read(40)
  total.changed(running, 40)
  expect(total.value()).toBe(40)
  total.changed(running, 90)
  expect(total.value()).toBe(90)
})

test('shows only counts when the page was opened in the middle of a run', () => {
  const total = createLiveTotal()
  total.changed(running, 30)
  total.read(80)
  total.changed(running, 60)
  expect(total.value()).toBe(80)
})

test('a count after the run wins', () => {
  const total = createLiveTotal()
  total.read(0)
  total.changed(running, 10)
  total.changed(ended, 10)
  total.read(12)
  expect(total.value()).toBe(12)
})
