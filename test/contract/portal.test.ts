// The portal suite, run against the emulated portal, and against a real one when BITRIX_TEST_WEBHOOK_URL names its webhook.
// Must stay true: without that variable no request leaves the machine.
import { createEmulatedPortal, type EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import { createWebhookClient } from '../../server/bitrix24/client.ts'
import { createRestPortal } from '../../server/bitrix24/rest-portal.ts'
import { webhookUrlSchema } from '../../server/core/webhook-url.ts'
import { type PortalUnderTest, portalSuite } from './portal-suite.ts'

const openWebhook = (url: string, closeMore: () => Promise<void> = async () => undefined): PortalUnderTest => {
  const webhook = webhookUrlSchema.parse(url)
  const client = createWebhookClient(webhook, { requestSeconds: 60, now: Date.now })
  return {
    portal: createRestPortal({ id: webhook.host, host: webhook.host, client }),
    async close() {
      client.close()
      await closeMore()
    }
  }
}

const openEmulated = async (options: EmulatedPortalOptions): Promise<PortalUnderTest> => {
  const emulated = await createEmulatedPortal(options)
  return openWebhook(emulated.webhookUrl, () => emulated.close())
}

// Portals differ in how they say that a record is gone (protocol.md, 4.8).
for (const missingDelete of ['documented', 'empty', 'plain', 'coded'] as const) {
  const name = `an emulated cloud portal, missing records told in the form "${missingDelete}"`
  portalSuite(name, () => openEmulated({ plan: 'standard', state: { missingDelete } }))
}
portalSuite('an emulated portal on premise', () => openEmulated({ plan: 'box' }))

const real = process.env['BITRIX_TEST_WEBHOOK_URL']
if (real !== undefined && real !== '') portalSuite('a real portal', async () => openWebhook(real))
