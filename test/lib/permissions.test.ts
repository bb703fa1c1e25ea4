/** Who can do what, and above all who cannot: the claims of the design, read out of the templates. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  allowing,
  holderOf,
  identityStatements,
  matches,
  type Statement,
} from './support/permissions.ts';
import { lineOf, type Synthesized, synthesize } from './support/synth.ts';

let app: Synthesized;
let statements: readonly Statement[];
let holders: Readonly<Record<string, string>>;
let things: Readonly<Record<string, string>>;

beforeAll(() => {
  app = synthesize();
  statements = identityStatements(app);
  const { data, control, edge } = app.gateway;
  holders = {
    fleet: holderOf(edge.fleet.taskRole),
    decide: holderOf(control.decide.handler.role),
    approvals: holderOf(control.approvals.handler.role),
    steps: holderOf(control.approvals.steps.role),
    slack: holderOf(control.slack.handler.role),
    archive: holderOf(control.archive.handler.role),
    digest: holderOf(control.digest.handler.role),
    workflow: holderOf(control.approvals.machine.role),
    analysts: holderOf(control.query.analysts),
  };
  const line = (stack: typeof data, value: string) => lineOf(stack, value, app);
  const evidence = line(data, data.evidence.bucket.bucketArn);
  things = {
    recording: `${evidence}/recordings/dt=2026-11-24/s/000001`,
    events: `${evidence}/events/dt=2026-11-24/0-1.parquet`,
    quarantine: `${evidence}/quarantine/0-1.json`,
    digestObject: `${evidence}/digests/2026/11/24/01.json`,
    evidence,
    table: line(data, data.state.table.tableArn),
    stream: line(data, data.events.stream.streamArn),
    dataKey: line(data, data.keys.data.keyArn),
    sealKey: line(data, data.keys.seal.keyArn),
    digestKey: line(data, data.keys.digest.keyArn),
    slackSecret: line(data, data.secrets.slack.secretArn),
    // Composed wherever it is used, see lib/constructs/approvals.ts.
    machine:
      'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:sallyport-approvals',
    targetSecret:
      'arn:aws:secretsmanager:eu-west-1:111122223333:secret:sallyport/targets/orders-AbCdEf',
  };
});

function may(who: string, action: string, what: string): boolean {
  const [holder, thing] = [holders[who], things[what]];
  if (holder === undefined || thing === undefined) throw new Error(`No such ${who} or ${what}`);
  return allowing(statements, holder, action, thing).length > 0;
}

const everyone = [
  'fleet',
  'decide',
  'approvals',
  'steps',
  'slack',
  'archive',
  'digest',
  'workflow',
  'analysts',
];

describe('what each principal needs', () => {
  it.each([
    ['fleet', 'kinesis:PutRecords', 'stream'],
    ['fleet', 'dynamodb:BatchGetItem', 'table'],
    ['fleet', 'secretsmanager:GetSecretValue', 'targetSecret'],
    ['fleet', 'kms:GenerateDataKey', 'dataKey'],
    ['approvals', 'states:StartExecution', 'machine'],
    ['approvals', 'dynamodb:UpdateItem', 'table'],
    ['slack', 'states:SendTaskSuccess', 'machine'],
    ['slack', 'dynamodb:UpdateItem', 'table'],
    ['slack', 'secretsmanager:GetSecretValue', 'slackSecret'],
    ['steps', 'secretsmanager:GetSecretValue', 'slackSecret'],
    ['archive', 's3:PutObject', 'recording'],
    ['archive', 's3:PutObject', 'events'],
    ['archive', 's3:PutObject', 'quarantine'],
    ['archive', 'kinesis:GetRecords', 'stream'],
    ['digest', 's3:GetObject', 'recording'],
    ['digest', 's3:GetObject', 'quarantine'],
    ['digest', 's3:PutObject', 'digestObject'],
    ['digest', 'kms:Sign', 'digestKey'],
    ['analysts', 's3:GetObject', 'recording'],
  ])('%s may %s on the %s', (who, action, what) => {
    expect(may(who, action, what)).toBe(true);
  });
});

describe('what each principal must be unable to do', () => {
  const cannot: readonly (readonly [string, string, readonly string[]])[] = [
    [
      's3:GetObject',
      'recording',
      ['fleet', 'decide', 'approvals', 'steps', 'slack', 'archive', 'workflow'],
    ],
    ['s3:PutObject', 'recording', everyone.filter((who) => who !== 'archive')],
    ['s3:PutObject', 'events', everyone.filter((who) => who !== 'archive')],
    ['s3:PutObject', 'quarantine', everyone.filter((who) => who !== 'archive')],
    ['s3:PutObject', 'digestObject', everyone.filter((who) => who !== 'digest')],
    ['s3:DeleteObject', 'recording', everyone],
    ['s3:DeleteObjectVersion', 'recording', everyone],
    ['s3:BypassGovernanceRetention', 'recording', everyone],
    ['s3:PutObjectRetention', 'recording', everyone],
    ['s3:PutObjectLegalHold', 'recording', everyone],
    ['s3:PutBucketPolicy', 'evidence', everyone],
    ['s3:PutBucketObjectLockConfiguration', 'evidence', everyone],
    [
      'dynamodb:UpdateItem',
      'table',
      ['fleet', 'decide', 'archive', 'digest', 'workflow', 'analysts'],
    ],
    [
      'dynamodb:PutItem',
      'table',
      ['fleet', 'decide', 'slack', 'archive', 'digest', 'workflow', 'analysts'],
    ],
    ['dynamodb:DeleteItem', 'table', everyone],
    ['dynamodb:Scan', 'table', everyone],
    ['dynamodb:Query', 'table', everyone],
    ['kms:Decrypt', 'sealKey', everyone],
    ['kinesis:PutRecords', 'stream', everyone.filter((who) => who !== 'fleet')],
    ['kinesis:GetRecords', 'stream', everyone.filter((who) => who !== 'archive')],
    ['secretsmanager:GetSecretValue', 'targetSecret', everyone.filter((who) => who !== 'fleet')],
    ['secretsmanager:PutSecretValue', 'targetSecret', everyone],
    ['kms:Sign', 'digestKey', everyone.filter((who) => who !== 'digest')],
    ['states:StartExecution', 'machine', everyone.filter((who) => who !== 'approvals')],
    ['sts:AssumeRole', 'evidence', everyone],
    ['iam:PassRole', 'evidence', everyone],
  ];
  it.each(
    cannot.flatMap(([action, what, whom]) => whom.map((who) => [who, action, what] as const)),
  )('%s may not %s on the %s', (who, action, what) => {
    expect(may(who, action, what)).toBe(false);
  });

  it('only the Slack function and the approvals functions may answer the workflow', () => {
    const answering = statements
      .filter(({ actions }) => actions.some((action) => /^states:SendTask/i.test(action)))
      .flatMap((statement) => statement.holders);
    const allowed = [holders['slack'], holders['steps'], holders['approvals']];
    expect(answering).not.toEqual([]);
    expect(answering.filter((holder) => !allowed.includes(holder))).toEqual([]);
  });

  it('decide may do nothing but write its own log', () => {
    const own = statements.filter(({ holders: h }) => h.includes(holders['decide'] ?? ''));
    expect(own.flatMap(({ actions }) => actions)).toEqual([
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ]);
  });
});

describe('conditions', () => {
  it('the fleet reads requests by their view only, never the token or the sealed text', () => {
    const reading = statements.filter(
      ({ holders: h, actions }) =>
        h.includes(holders['fleet'] ?? '') && actions.includes('dynamodb:BatchGetItem'),
    );
    const views = reading.find(({ sid }) => sid === 'ReadRequestViews');
    expect(views?.conditions['ForAllValues:StringEquals']?.['dynamodb:Attributes']).toEqual(
      expect.arrayContaining(['pk', 'status', 'question', 'progress']),
    );
    for (const { conditions, sid } of reading) {
      const keys = conditions['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] as string[];
      const prefixes = sid === 'ReadRequestViews' ? ['REQ#*'] : ['POLICY', 'REVOKED#ALL'];
      expect(keys).toEqual(prefixes);
    }
  });

  it('the data key works only through a service', () => {
    for (const { actions, resources, conditions } of statements) {
      if (!resources.includes(things['dataKey'] ?? '')) continue;
      expect(actions.every((action) => action.startsWith('kms:'))).toBe(true);
      expect(conditions['StringEquals']?.['kms:ViaService']).toBeDefined();
    }
  });
});

describe('wildcards', () => {
  /** AWS lets none of these name a resource. */
  const UNSCOPABLE = [
    'ecr:GetAuthorizationToken',
    'logs:CreateLogDelivery',
    'logs:DeleteLogDelivery',
    'logs:DescribeLogGroups',
    'logs:DescribeResourcePolicies',
    'logs:GetLogDelivery',
    'logs:ListLogDeliveries',
    'logs:PutResourcePolicy',
    'logs:UpdateLogDelivery',
    'xray:GetSamplingRules',
    'xray:GetSamplingTargets',
    'xray:PutTelemetryRecords',
    'xray:PutTraceSegments',
  ];

  it('no action is a wildcard', () => {
    const wild = statements.flatMap(({ actions }) => actions).filter((a) => a.includes('*'));
    expect(wild).toEqual([]);
  });

  it('only what AWS cannot scope is allowed on every resource', () => {
    const wild = statements
      .filter(({ resources }) => resources.includes('*'))
      .flatMap(({ actions }) => actions)
      .filter((action) => !UNSCOPABLE.includes(action));
    expect(wild).toEqual([]);
  });

  it('no policy names a retention, bypass or delete of S3 at all', () => {
    const forbidden = /^s3:.*(Delete|Bypass|Retention|LegalHold|ObjectLock|BucketPolicy)/i;
    const found = statements.flatMap(({ actions }) => actions).filter((a) => forbidden.test(a));
    expect(found).toEqual([]);
  });
});

describe('the matcher', () => {
  it.each([
    ['s3:*', 's3:GetObject', true],
    ['s3:Get*', 's3:PutObject', false],
    ['<B.Arn>/events/*', '<B.Arn>/events/dt=1/x', true],
    ['<B.Arn>/events/*', '<B.Arn>/recordings/x', false],
    ['a.c', 'abc', false],
    ['a?c', 'abc', true],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });
});
