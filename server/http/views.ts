// Renders pages with nunjucks: those of views/, and install.html beside it.
// Must stay true: everything is escaped; a missing variable is an error, not an empty place.
import { dirname } from 'node:path'
import type { Context } from 'koa'
import nunjucks from 'nunjucks'
import type { Assets } from './assets.ts'
import type { Language, Translations, Values } from './translate.ts'

/** Templates by the script that each loads. */
const ENTRIES = {
  'page.njk': 'placement/main.ts',
  'error.njk': 'placement/main.ts',
  'install.html': 'placement/install.ts'
} as const

export interface Views {
  /** Answers with a rendered page in the visitor's language; `t`, `explain`, `lang` and `assets` are always there. */
  render(ctx: Context, view: keyof typeof ENTRIES, values: Readonly<Record<string, unknown>>): void
  /** Answers 200 with a page that only explains something; both are keys of texts. */
  renderNotice(ctx: Context, title: string, text: string): void
  /** Answers 200 with a page that has a button. `key`: of its texts. */
  renderStart(ctx: Context, key: string, start: StartButton): void
  languageOf(ctx: Context): Language
}

export interface StartButton {
  readonly portal: string
  readonly count: number
  /** Where the button leads, when it may start nothing yet. */
  readonly next: string
  /** For the script; null where the visitor came from another site, and has to come from ours first. */
  readonly state: Readonly<Record<string, unknown>> | null
}

/** JSON for `<script type="application/json">`: no text in it can end the script. */
const scriptJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const createViews = (viewsDir: string, translations: Translations, assets: Assets): Views => {
  const env = new nunjucks.Environment(new nunjucks.FileSystemLoader([viewsDir, dirname(viewsDir)]), {
    autoescape: true,
    throwOnUndefined: true
  })
  env.addFilter('json', value => new nunjucks.runtime.SafeString(scriptJson(value)))
  const render: Views['render'] = (ctx, view, values) => {
    const lang = translations.languageOf(ctx)
    const { script, styles } = assets.entry(ENTRIES[view])
    ctx.type = 'html'
    // A form's POST says where it comes from only where the policy lets addresses out (Fetch: no-referrer makes Origin null).
    ctx.set('Referrer-Policy', 'same-origin')
    ctx.vary('Accept-Language')
    const texts = {
      lang,
      t: translations.in(lang),
      explain: (code: string, sentence: string) => translations.problem(lang, code, sentence)
    }
    ctx.body = env.render(view, { ...texts, assets: { script, style: styles }, ...values })
  }
  const explain = (ctx: Context, title: string, text: string, values: Values, start: unknown): void => {
    const t = translations.in(translations.languageOf(ctx))
    render(ctx, 'error.njk', {
      status: 200,
      title: t(title, values),
      message: t(text, values),
      asksSecret: false,
      isWrong: false,
      home: false,
      start
    })
  }
  return {
    languageOf: ctx => translations.languageOf(ctx),
    render,
    renderNotice: (ctx, title, text) => explain(ctx, title, text, {}, null),
    renderStart(ctx, key, start) {
      const values = { portal: start.portal, count: start.count }
      explain(ctx, `${key}.title`, `${key}.text`, values, { ...start, button: `${key}.button` })
    }
  }
}
