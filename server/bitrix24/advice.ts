// The refusals that concern every request or command of a credential, and what a person can do about each.
// Must stay true: a code is here only when nothing was executed, and sending again without a person's help is useless.

const NEW_CREDENTIALS =
  'Bitrix24 does not accept the credentials. Create a new incoming webhook in the portal (Developer resources) and set BITRIX_WEBHOOK_URL to it, or open the application in the portal again.'
const NO_RIGHT =
  'The right "crm" is missing. Open the webhook (or application) in the portal under Developer resources and add CRM (crm) to its rights.'
const NO_PERSON =
  'The person whose credentials are used may not do this. Let an administrator of the portal grant access, or use the credentials of someone who has it.'
const NOT_INSTALLED =
  'The application is not installed in this portal any more. Install it again, or create a new incoming webhook.'
const PLAN = 'The plan of this portal does not include the REST API. Extend the subscription or change the plan.'
const CONFIRM = 'Bitrix24 waits for an administrator of the portal to confirm this application. Confirm it there.'
const NO_METHOD =
  'This portal does not offer the method. Check the address of the webhook, and that the portal has its CRM switched on and is up to date.'
const GONE = 'The portal was deleted. Use another portal.'

const advice: ReadonlyMap<string, string> = new Map([
  ['INVALID_CREDENTIALS', NEW_CREDENTIALS],
  ['NO_AUTH_FOUND', NEW_CREDENTIALS],
  ['invalid_token', NEW_CREDENTIALS],
  ['authorization_error', NEW_CREDENTIALS],
  ['expired_token', 'The access has expired. Open the application in the portal again, or create a new webhook.'],
  ['insufficient_scope', NO_RIGHT],
  ['user_access_error', NO_PERSON],
  ['allowed_only_intranet_user', NO_PERSON],
  ['APPLICATION_NOT_FOUND', NOT_INSTALLED],
  ['ERROR_OAUTH', NOT_INSTALLED],
  ['PAYMENT_REQUIRED', PLAN],
  ['PORTAL_DELETED', GONE],
  ['OVERLOAD_LIMIT', 'Bitrix24 has blocked the REST API of this portal because of overload. Ask Bitrix24 support.'],
  ['ERROR_METHOD_NOT_FOUND', NO_METHOD],
  ['ERROR_MANIFEST_IS_NOT_AVAILABLE', NO_METHOD],
  ['ERROR_BATCH_METHOD_NOT_ALLOWED', NO_METHOD],
  ['ERROR_BATCH_LENGTH_EXCEEDED', 'This portal takes fewer than 50 commands in one batch. Ask its administrator.'],
  ['METHOD_CONFIRM_WAITING', CONFIRM],
  ['METHOD_CONFIRM_DENIED', 'An administrator of the portal denied this application the method. Ask for access.'],
  [
    'WRONG_AUTH_TYPE',
    'This kind of credentials may not call the method. Use an incoming webhook or a local application.'
  ],
  ['INVALID_REQUEST', 'Bitrix24 refused the request. Use the https address of the portal.']
])

/** What to do about a code, when it concerns everything; undefined for all other codes. */
export const adviceFor = (code: string): string | undefined => advice.get(code)

/** ACCESS_DENIED speaks of the plan or of rights; only the text tells (protocol.md, 1.7). */
export const adviceForAccess = (message: string): string =>
  /commercial|subscription/i.test(message) ? PLAN : NO_PERSON

/** True when ACCESS_DENIED means the portal's plan. */
export const isAboutPlan = (message: string): boolean => adviceForAccess(message) === PLAN
