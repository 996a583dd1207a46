// The places of a portal's pages where applications can show themselves (protocol.md, 5.6).
// Must stay true: code → scope of the tool it belongs to; null needs none beside `placement`.

const SECTIONS = ['LEAD', 'DEAL', 'CONTACT', 'COMPANY', 'QUOTE', 'SMART_INVOICE']
const TOOLS = [
  'LIST_MENU',
  'LIST_TOOLBAR',
  'DETAIL_TAB',
  'DETAIL_TOOLBAR',
  'DETAIL_ACTIVITY',
  'DOCUMENTGENERATOR_BUTTON'
]

const CRM = [
  ...SECTIONS.flatMap(section => TOOLS.map(tool => `CRM_${section}_${tool}`)),
  'CRM_ACTIVITY_LIST_MENU',
  'CRM_ORDER_LIST_TOOLBAR',
  'CRM_ORDER_DETAIL_TAB',
  'CRM_ORDER_DETAIL_TOOLBAR',
  'CRM_ORDER_DETAIL_ACTIVITY',
  'CRM_FUNNELS_TOOLBAR',
  'CRM_ANALYTICS_MENU',
  'CRM_ANALYTICS_TOOLBAR',
  'CRM_DETAIL_SEARCH',
  'CRM_REQUISITE_AUTOCOMPLETE',
  'CRM_BANK_DETAIL_AUTOCOMPLETE'
]

export const PLACEMENT_CODES: ReadonlyMap<string, string | null> = new Map([
  ...CRM.map(code => [code, 'crm'] as const),
  ['LEFT_MENU', null],
  ['PAGE_BACKGROUND_WORKER', null],
  ['REST_APP_URI', null],
  ['USER_PROFILE_MENU', 'user'],
  ['USER_PROFILE_TOOLBAR', 'user']
])

/** What an application in this place may ask of the page around it (protocol.md, 5.6 and 7.4). */
export const interfaceOf = (code: string): { command: string[]; event: string[] } => ({
  command: /^CRM_\w+_(DETAIL_TAB|DETAIL_ACTIVITY|LIST_MENU)$/.test(code) ? ['reloadData'] : [],
  event: []
})
