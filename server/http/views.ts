// Renders pages with nunjucks.
// Must stay true: everything is escaped; a missing variable is an error, not an empty place.
import type { Context } from 'koa'
import nunjucks from 'nunjucks'
import type { Assets } from './assets.ts'
import type { Language, Translations } from './translate.ts'

export interface Views {
  /** Answers with a rendered page in the visitor's language; `t`, `lang` and `assets` are always there. */
  render(ctx: Context, view: 'page.njk' | 'error.njk', values: Readonly<Record<string, unknown>>): void
  languageOf(ctx: Context): Language
}

/** JSON for `<script type="application/json">`: no text in it can end the script. */
const scriptJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const createViews = (viewsDir: string, translations: Translations, assets: Assets): Views => {
  const env = new nunjucks.Environment(new nunjucks.FileSystemLoader(viewsDir), {
    autoescape: true,
    throwOnUndefined: true
  })
  env.addFilter('json', value => new nunjucks.runtime.SafeString(scriptJson(value)))
  return {
    languageOf: ctx => translations.languageOf(ctx),
    render(ctx, view, values) {
      const lang = translations.languageOf(ctx)
      const { script, styles } = assets.entry('placement/main.ts')
      ctx.type = 'html'
      ctx.set('Cache-Control', 'no-store')
      ctx.vary('Accept-Language')
      ctx.body = env.render(view, { lang, t: translations.in(lang), assets: { script, style: styles }, ...values })
    }
  }
}
