/** What the fleet is told: taken as it is written, or refused with every problem at once. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureCertificate } from '../../local/certificate.ts';
import { readSettings } from '../../proxy/config.ts';

const NAMES = {
  DECIDE_FUNCTION: 'decide:live',
  APPROVALS_FUNCTION: 'approvals:live',
  TABLE_NAME: 'table',
  STREAM_NAME: 'stream',
  SPOOL_DIRECTORY: '/var/spool/sallyport',
  TLS_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:tls-AbCdEf',
};
const TARGET = {
  name: 'orders',
  protocol: 'postgres',
  environment: 'prod',
  masks: { columns: [{ column: 'public.customers.email' }], detectors: ['email'] },
  upstream: { host: 'db.internal', port: 5432, database: 'shop', secretArn: 'arn:x', ca: null },
};
const CONFIG = {
  listen: { host: '0.0.0.0', port: 5432 },
  identity: { issuer: 'https://login.example.com', audience: 'sallyport', groupsClaim: 'groups' },
  stopSeconds: 120,
  targets: [TARGET],
};

const read = (config: unknown, names: Record<string, string | undefined> = NAMES) =>
  readSettings({ ...names, SALLYPORT_CONFIG: JSON.stringify(config), PATH: '/usr/bin' });

function problemsOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    return (error as Error).message;
  }
}

describe('readSettings', () => {
  let directory: string;
  let ca: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
    ca = (await ensureCertificate(directory)).cert;
  });

  it('takes what is written, with the defaults of a target', () => {
    const { config, names } = read(CONFIG);
    expect(names).toEqual(NAMES);
    expect(config).toMatchObject(CONFIG);
    expect(config.targets[0]).toMatchObject({ record: 'spool', safeFunctions: [] });
  });

  it('takes the path of a file', () => {
    const file = join(directory, 'config.json');
    writeFileSync(file, JSON.stringify(CONFIG));
    const { config } = readSettings({ ...NAMES, SALLYPORT_CONFIG: file });
    expect(config.targets).toHaveLength(1);
  });

  it('takes a bundle of certificate authorities', () => {
    const upstream = { ...TARGET.upstream, ca: `${ca}\n${ca}` };
    expect(read({ ...CONFIG, targets: [{ ...TARGET, upstream }] }).config.targets).toHaveLength(1);
  });

  it('lists every problem at once, of the environment and of the configuration', () => {
    const message = problemsOf(() =>
      read(
        {
          ...CONFIG,
          colour: 'green',
          listen: { host: '', port: 0 },
          identity: { ...CONFIG.identity, issuer: 'http://login.example.com' },
          stopSeconds: 5,
        },
        { ...NAMES, TABLE_NAME: '', STREAM_NAME: undefined },
      ),
    );
    expect(message.split('\n  - ').slice(1).sort()).toEqual([
      'SALLYPORT_CONFIG colour: There is no such key',
      'SALLYPORT_CONFIG identity.issuer: An issuer is an https URL',
      'SALLYPORT_CONFIG listen.host: It is empty',
      'SALLYPORT_CONFIG listen.port: A port is at least 1',
      'SALLYPORT_CONFIG stopSeconds: It is at least 30',
      'STREAM_NAME: The variable is missing or empty',
      'TABLE_NAME: The variable is missing or empty',
    ]);
  });

  it.each([
    ['no target', { targets: [] }, /targets: Name at least one target/],
    ['two targets of one name', { targets: [TARGET, TARGET] }, /targets: Two targets/],
    [
      'a misspelled key of a target',
      { targets: [{ ...TARGET, mask: {} }] },
      /0\.mask: There is no/,
    ],
    [
      'a password where a secret is to be named',
      { targets: [{ ...TARGET, upstream: { ...TARGET.upstream, password: 'x' } }] },
      /upstream\.password: There is no such key/,
    ],
    [
      'an authority that is no certificate',
      { targets: [{ ...TARGET, upstream: { ...TARGET.upstream, ca: 'rds-ca' } }] },
      /upstream\.ca: It is no PEM certificate/,
    ],
    [
      'a detector that is none',
      { targets: [{ ...TARGET, masks: { columns: [], detectors: ['names'] } }] },
      /masks\.detectors\.0/,
    ],
    ['an issuer that is none', { identity: { ...CONFIG.identity, issuer: 'login' } }, /issuer/],
    ['a port in quotes', { listen: { host: '0.0.0.0', port: '5432' } }, /listen\.port/],
  ])('refuses %s', (_, change, expected) => {
    expect(problemsOf(() => read({ ...CONFIG, ...change }))).toMatch(expected);
  });

  it.each([
    ['nothing', undefined, /SALLYPORT_CONFIG: It is missing/],
    ['JSON that ends early', '{"listen":', /SALLYPORT_CONFIG: .*JSON/],
    ['a file that is not there', '/nowhere/sallyport.json', /ENOENT.*\/nowhere\/sallyport\.json/],
  ])('refuses %s', (_, SALLYPORT_CONFIG, expected) => {
    expect(problemsOf(() => readSettings({ ...NAMES, SALLYPORT_CONFIG }))).toMatch(expected);
  });
});
