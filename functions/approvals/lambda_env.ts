/** The environment of the approval Lambdas, read once at start: a missing name stops the function there. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import * as v from 'valibot';
import { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { ApprovalsDeps, Log } from './deps.ts';
import { makeDirectory } from './directory.ts';
import { makeKmsKeyring } from './kms_keyring.ts';
import { makeSfnWorkflow } from './sfn_workflow.ts';
import { makeStore } from './store.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export function variable(env: Env, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') {
    throw new GatewayError('ERR_CONFIG_INVALID', `The environment variable ${name} is missing`);
  }
  return value;
}

/** `keyId` is null for a function that may not seal, and so may not open seals either. */
export function makeDepsOf(env: Env, keyId: string | null): ApprovalsDeps {
  const client = new DynamoDBClient({});
  const table = variable(env, 'TABLE_NAME');
  return {
    now: () => v.parse(EpochMs, Date.now()),
    store: makeStore(client, table),
    directory: makeDirectory(client, table),
    workflow: makeSfnWorkflow(new SFNClient({}), variable(env, 'STATE_MACHINE_ARN')),
    keyring: keyId === null ? NO_KEYRING : makeKmsKeyring(new KMSClient({}), keyId),
    log: CONSOLE_LOG,
  };
}

const SlackSecret = v.object({
  botToken: v.pipe(v.string(), v.minLength(1)),
  signingSecret: v.pipe(v.string(), v.minLength(1)),
});

export async function readSlackSecret(env: Env): Promise<v.InferOutput<typeof SlackSecret>> {
  const SecretId = variable(env, 'SLACK_SECRET_ARN');
  const client = new SecretsManagerClient({});
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), SlackSecret), SecretString);
  if (parsed.success) return parsed.output;
  throw new GatewayError(
    'ERR_CONFIG_INVALID',
    'The Slack secret is not {botToken, signingSecret}',
    {
      hint: `Write both into ${SecretId} as one JSON object`,
    },
  );
}

const refused = () =>
  Promise.reject(new GatewayError('ERR_CONFIG_INVALID', 'This function has no key to seals'));
const NO_KEYRING = { newKey: refused, unwrap: refused };

const line =
  (level: string) =>
  (event: string, fields: Readonly<Record<string, unknown>> = {}) =>
    console.log(JSON.stringify({ level, event, ...fields }));
const CONSOLE_LOG: Log = { info: line('info'), warn: line('warn'), error: line('error') };
