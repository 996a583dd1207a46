// Short templates in the place of the real pages: what a test wants to read, and nothing else.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const writePages = (folder: string): { build: string; views: string } => {
  const [build, views] = [join(folder, 'build'), join(folder, 'views')]
  mkdirSync(join(build, '.vite'), { recursive: true })
  mkdirSync(views)
  const entry = { file: 'main-abc.js', css: [] }
  writeFileSync(
    join(build, '.vite', 'manifest.json'),
    JSON.stringify({ 'placement/main.ts': entry, 'placement/install.ts': entry })
  )
  const state = '<script type="application/json" id="state">{{ state | json }}</script>'
  writeFileSync(
    join(views, 'page.njk'),
    `<p>{{ portal.host }}</p>${state}{% for c in companies.items %}<td>{{ c.title }}</td>{% endfor %}`
  )
  writeFileSync(join(views, 'error.njk'), '<h1>{{ status }}</h1><p>{{ message }}</p>')
  writeFileSync(
    join(views, 'install.html'),
    `<p>{{ user }}</p>{% for step in steps %}<li>{{ step.id }}: {{ step.message or "" }}</li>{% endfor %}${state}`
  )
  return { build, views }
}

/** What a rendered page hands to its script. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into it
export const stateOf = ({ text }: { readonly text: string }): any =>
  JSON.parse(/<script type="application\/json" id="state">(.*?)<\/script>/s.exec(text)?.[1] ?? 'null')
