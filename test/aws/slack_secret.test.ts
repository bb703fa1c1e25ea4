/** The Slack credentials from Secrets Manager: complete, or refused with what to do. */
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSlackSecret } from '../../functions/approvals/lambda_env.ts';
import { describeAdapter, fresh } from './endpoint.ts';

describeAdapter('Slack credentials over Secrets Manager', () => {
  let client: SecretsManagerClient;
  beforeAll(() => {
    client = new SecretsManagerClient({});
  });
  afterAll(() => client.destroy());

  const stored = async (SecretString: string) => {
    const secret = { Name: fresh('slack'), SecretString };
    const { ARN = '' } = await client.send(new CreateSecretCommand(secret));
    return { SLACK_SECRET_ARN: ARN };
  };

  it('reads both values', async () => {
    const secret = { botToken: 'xoxb-1', signingSecret: 'abc' };
    expect(await readSlackSecret(await stored(JSON.stringify(secret)))).toEqual(secret);
  });

  it.each([
    ['as it is deployed, before anybody filled it in', '{"botToken":"","signingSecret":"random"}'],
    ['not JSON', 'xoxb-1'],
    ['without the signing secret', '{"botToken":"xoxb-1"}'],
  ])('refuses a secret %s', async (_, text) => {
    await expect(readSlackSecret(await stored(text))).rejects.toThrow(/Slack secret is not/);
  });
});
