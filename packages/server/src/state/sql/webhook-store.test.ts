import { afterAll } from 'vitest';
import { brokenWebhookStores } from '../../testing/broken-webhook-stores.ts';
import { type Fixture, registerBroken } from '../../testing/conformance.ts';
import { SharedPostgres, type TwoStates, twoSqliteStates } from '../../testing/test-state.ts';
import { registerWebhookStoreSuite, type WebhookStores, webhookStoreSuite } from '../../testing/webhook-store-suite.ts';

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function stores(open: Promise<Fixture<TwoStates>>): Promise<Fixture<WebhookStores>> {
  const { subject, close } = await open;
  const { one, two } = subject;
  return { subject: { store: one.webhooks, other: two.webhooks, uploads: one.uploads }, close };
}

registerWebhookStoreSuite('SQLite', () => stores(twoSqliteStates()));
registerWebhookStoreSuite('PostgreSQL', () => stores(postgres.twoStates()));
registerBroken(
  webhookStoreSuite('SQLite', () => stores(twoSqliteStates())),
  brokenWebhookStores,
);
