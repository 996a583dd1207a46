// Renders pages with nunjucks: those of views/, and install.html beside it.
// Must stay true: everything is escaped; a missing variable is an error, not an empty place.
import { dirname } from 'node:path'
import type { Context } from 'koa'
import nunjucks from 'nunjucks'
import type { Assets } from './assets.ts'
import type { Language, Translations } from './translate.ts'

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
  languageOf(ctx: Context): Language
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
    ctx.vary('Accept-Language')
    const texts = {
      lang,
      t: translations.in(lang),
      explain: (code: string, sentence: string) => translations.problem(lang, code, sentence)
    }
    ctx.body = env.render(view, { ...texts, assets: { script, style: styles }, ...values })
  }
  return {
    languageOf: ctx => translations.languageOf(ctx),
    render,
    renderNotice(ctx, title, text) {
      const t = translations.in(translations.languageOf(ctx))
      render(ctx, 'error.njk', {
        status: 200,
        title: t(title),
        message: t(text),
        asksSecret: false,
        isWrong: false,
        home: false
      })
    }
  }
}
