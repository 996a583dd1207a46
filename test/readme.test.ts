// The README's commands: what somebody copies as a whole.
// Must stay true: a block that clears a portal holds nothing else, so nobody runs it together with what he meant.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test.each(['README.md', 'README.ru.md'])('%s: a command that clears a portal stands alone', file => {
  const blocks = [...readFileSync(file, 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = '']) => text.trim())
  const clearing = blocks.filter(block => /clear/.test(block))
  expect(clearing).toHaveLength(1)
  for (const block of clearing) expect(block.split('\n')).toHaveLength(1)
})
