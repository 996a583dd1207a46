// What every refusal of the contract looks like.
import { expect } from 'vitest'
import type { Answer } from './http-app.ts'

/** JSON with this code and a sentence. `what` was asked. */
export const expectError = (answer: Answer, status: number, code: string, what: string): void => {
  expect([answer.status, answer.body?.error], `${what}: ${answer.text.slice(0, 300)}`).toEqual([status, code])
  expect(answer.body.error_description, what).toMatch(/^.{15,}/su)
}
