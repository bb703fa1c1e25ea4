/** What must be true of the templates themselves, whatever builds them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { COLUMNS } from '../../core/recording/columns.ts';
import { REPORTED } from '../../lib/constructs/fleet_log_alarms.ts';
import { listOf } from './support/permissions.ts';
import { flatten, resourcesOf, type Synthesized, synthesize } from './support/synth.ts';

let app: Synthesized;
beforeAll(() => {
  app = synthesize();
});

function only(type: string, description = '') {
  const found = resourcesOf(app, type).filter(({ id }) => id.includes(description));
  expect(found).toHaveLength(1);
  const [resource] = found;
  if (resource === undefined) throw new Error(`There is no ${type}`);
  return resource;
}

describe('evidence', () => {
  it('is under Object Lock, versioned, encrypted with our key, and closed to the public', () => {
    const { Properties: bucket } = only('AWS::S3::Bucket', 'EvidenceBucket');
    expect(bucket).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 365 } },
      },
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } },
        ],
      },
    });
    expect(JSON.stringify(bucket)).not.toMatch(/Expiration/);
  });

  it('is denied to everyone who would delete, unlock, overwrite, or speak without TLS', () => {
    const policy = only('AWS::S3::BucketPolicy', 'EvidenceBucket').Properties['PolicyDocument'];
    const { Statement: statements } = policy as {
      Statement: { Sid?: string; Effect: string; Principal: unknown; Condition?: unknown }[];
    };
    const denied = statements.filter(({ Effect }) => Effect === 'Deny');
    const of = (action: string) =>
      denied.filter((statement) =>
        listOf((statement as unknown as { Action: unknown }).Action).includes(action),
      );
    for (const action of [
      's3:DeleteObject',
      's3:DeleteObjectVersion',
      's3:BypassGovernanceRetention',
      's3:PutObjectRetention',
      's3:PutObjectLegalHold',
    ]) {
      expect(of(action)).toHaveLength(1);
      expect(of(action)[0]).toMatchObject({ Principal: { AWS: '*' } });
      expect(of(action)[0]).not.toHaveProperty('Condition');
    }
    const conditions = of('s3:PutObject').map((statement) => statement.Condition);
    expect(conditions).toContainEqual({
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    });
    // A negated condition alone is true for requests without the header, and would deny every write.
    for (const condition of conditions as Record<string, Record<string, unknown>>[]) {
      for (const key of Object.keys(condition['StringNotEquals'] ?? {})) {
        expect(condition['Null']).toHaveProperty([key], 'false');
      }
    }
    expect(denied.map(({ Condition }) => Condition)).toContainEqual({
      Bool: { 'aws:SecureTransport': 'false' },
    });
  });

  it('COMPLIANCE is a choice', () => {
    const chosen = synthesize({ recordings: { lock: 'compliance', retentionDays: 30 } });
    const locks = resourcesOf(chosen, 'AWS::S3::Bucket').flatMap(
      ({ Properties }) => Properties['ObjectLockConfiguration'] ?? [],
    );
    expect(locks).toMatchObject([{ Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } } }]);
  });
});

describe('the table of events', () => {
  it('has the columns of the Parquet files, partitioned by day without a crawler', () => {
    const { Properties: table } = only('AWS::Glue::Table');
    const input = table['TableInput'] as {
      PartitionKeys: unknown;
      Parameters: Record<string, unknown>;
      StorageDescriptor: { Columns: { Name: string; Type: string }[] };
    };
    const columns = input.StorageDescriptor.Columns;
    expect(columns.map(({ Name }) => Name)).toEqual(COLUMNS.map(({ name }) => name));
    const types = new Map(columns.map(({ Name, Type }) => [Name, Type]));
    expect([types.get('ts'), types.get('seq'), types.get('policies')]).toEqual([
      'timestamp',
      'bigint',
      'array<string>',
    ]);
    expect(input.PartitionKeys).toEqual([{ Name: 'dt', Type: 'string' }]);
    expect(input.Parameters).toMatchObject({
      'projection.enabled': 'true',
      'projection.dt.type': 'date',
      'projection.dt.format': 'yyyy-MM-dd',
    });
    const location = flatten(input.Parameters['storage.location.template'], app.templates);
    expect(location).toMatch(/^s3:\/\/<EvidenceBucket\w+>\/events\/dt=\$\{dt\}\/$/);
  });

  it('is queried in a workgroup that nobody can lead past its limits', () => {
    const { Properties: workgroup } = only('AWS::Athena::WorkGroup');
    expect(workgroup['WorkGroupConfiguration']).toMatchObject({
      EnforceWorkGroupConfiguration: true,
      BytesScannedCutoffPerQuery: 200 * 1024 ** 3,
      ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_KMS' } },
    });
  });
});

describe('what is kept', () => {
  it('has no name that would block the next install', () => {
    const named = /^(BucketName|TableName|Name|StreamName|AliasName|LogGroupName)$/;
    for (const [stack, { Resources }] of app.templates) {
      for (const [id, { DeletionPolicy, Properties }] of Object.entries(Resources)) {
        if (DeletionPolicy !== 'Retain') continue;
        const names = Object.keys(Properties ?? {}).filter((key) => named.test(key));
        expect([stack, id, ...names]).toEqual([stack, id]);
      }
    }
  });

  it('is evidence, its keys, the table, the stream and the Slack secret', () => {
    const kept = Object.values(app.templates.get('sallyport-data')?.Resources ?? {})
      .filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain')
      .map(({ Type }) => Type);
    for (const [type, count] of Object.entries({
      'AWS::S3::Bucket': 4,
      'AWS::KMS::Key': 3,
      'AWS::DynamoDB::GlobalTable': 1,
      'AWS::Kinesis::Stream': 1,
      'AWS::SecretsManager::Secret': 1,
    })) {
      expect([type, kept.filter((t) => t === type).length]).toEqual([type, count]);
    }
  });

  it('names that two installs could share start with the gateway’s', () => {
    const other = synthesize({ name: 'second' });
    const names = (of: Synthesized) =>
      ['StateMachineName', 'DashboardName', 'Name', 'LogGroupName', 'DatabaseInput'].flatMap(
        (key) =>
          [...of.templates.values()].flatMap(({ Resources }) =>
            Object.values(Resources)
              .filter(
                ({ Type }) =>
                  !['AWS::Lambda::Alias', 'AWS::Glue::Table', 'AWS::Athena::NamedQuery'].includes(
                    Type,
                  ),
              )
              .flatMap(({ Properties }) => {
                const value = Properties?.[key];
                return value === undefined ? [] : [flatten(value, of.templates)];
              }),
          ),
      );
    expect(names(app).length).toBeGreaterThan(3);
    const shared = names(other).filter((name) => names(app).includes(name));
    // References to unnamed resources: their names are CloudFormation's.
    expect(shared.filter((name) => !/^<.*>$/.test(name))).toEqual([]);
  });
});

describe('the fleet', () => {
  it('drains for 15 minutes, stops within what Fargate allows, and keeps its spool over restarts', () => {
    const { Properties: task } = only('AWS::ECS::TaskDefinition');
    expect(task).toMatchObject({
      RuntimePlatform: { CpuArchitecture: 'ARM64' },
      Volumes: [{ Name: 'spool' }],
      ContainerDefinitions: [
        {
          StopTimeout: 120,
          ReadonlyRootFilesystem: true,
          User: 'node',
          RestartPolicy: { Enabled: true, RestartAttemptPeriod: 60 },
          MountPoints: [
            { SourceVolume: 'spool', ContainerPath: '/var/spool/sallyport', ReadOnly: false },
          ],
        },
      ],
    });
    // ECS answers a failed container check by replacing the task, and the spool goes with it.
    expect(JSON.stringify(task)).not.toContain('HealthCheck');
    const attributes = only('AWS::ElasticLoadBalancingV2::TargetGroup').Properties[
      'TargetGroupAttributes'
    ] as { Key: string; Value: string }[];
    const attribute = (key: string) => attributes.find(({ Key }) => Key === key)?.Value;
    expect(attribute('deregistration_delay.timeout_seconds')).toBe('900');
    expect(attribute('preserve_client_ip.enabled')).toBe('true');
    expect(attribute('proxy_protocol_v2.enabled')).toBe('false');
  });

  it('rolls back alone, never rebalances, and never runs on Spot', () => {
    const { Properties: service } = only('AWS::ECS::Service');
    expect(service).toMatchObject({
      AvailabilityZoneRebalancing: 'DISABLED',
      DeploymentConfiguration: {
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
      },
    });
    expect(JSON.stringify(service)).not.toContain('SPOT');
  });

  it('is reached over TCP, inside the network, from the ranges given', () => {
    expect(only('AWS::ElasticLoadBalancingV2::LoadBalancer').Properties['Scheme']).toBe('internal');
    expect(only('AWS::ElasticLoadBalancingV2::Listener').Properties).toMatchObject({
      Protocol: 'TCP',
      Port: 5432,
    });
    const { Properties: group } = only('AWS::EC2::SecurityGroup', 'BalancerGroup');
    expect(group['SecurityGroupIngress']).toMatchObject([
      { CidrIp: '10.0.0.0/8', FromPort: 5432, ToPort: 5432, IpProtocol: 'tcp' },
    ]);
  });

  it('holds no secret in its variables', () => {
    const { Properties: task } = only('AWS::ECS::TaskDefinition');
    const [container] = task['ContainerDefinitions'] as { Environment: { Name: string }[] }[];
    expect(container?.Environment.map(({ Name }) => Name).sort()).toEqual([
      'APPROVALS_FUNCTION',
      'AWS_REGION',
      'DECIDE_FUNCTION',
      'SALLYPORT_CONFIG',
      'SPOOL_DIRECTORY',
      'STREAM_NAME',
      'TABLE_NAME',
      'TLS_SECRET_ARN',
    ]);
  });
});

describe('everything', () => {
  it('names no zone that a failed look-up would have made up', () => {
    expect(JSON.stringify([...app.templates])).not.toMatch(/dummy1|"(us|eu)-[a-z]+-\d[a-c]"/);
  });

  it('uses only JSONPath and no heartbeats', () => {
    expect(JSON.stringify([...app.templates])).not.toMatch(/JSONata|HeartbeatSeconds/);
  });

  it('every function runs Node 24 on arm64, with a role and a log group of its own', () => {
    const functions = resourcesOf(app, 'AWS::Lambda::Function');
    expect(functions).toHaveLength(6);
    for (const { Properties } of functions) {
      expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      expect(Properties).toHaveProperty('LoggingConfig.LogGroup');
      expect(Properties).not.toHaveProperty('ReservedConcurrentExecutions');
    }
    const roles = functions.map(({ Properties }) => JSON.stringify(Properties['Role']));
    expect(new Set(roles).size).toBe(functions.length);
  });

  it('every alarm tells the topic, and says what it means', () => {
    const alarms = resourcesOf(app, 'AWS::CloudWatch::Alarm').filter(
      // Auto scaling makes alarms of its own at run time, not here.
      ({ Properties }) => Properties['AlarmDescription'] !== undefined,
    );
    expect(alarms.length).toBeGreaterThan(15);
    for (const { Properties } of alarms) {
      expect(Properties['AlarmActions']).toHaveLength(1);
      expect(String(Properties['AlarmDescription']).length).toBeGreaterThan(30);
    }
  });

  it('every line of the log that is counted is one that the proxy writes', () => {
    const sources = readdirSync('proxy', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join('proxy', file), 'utf8'))
      .join('');
    const events = Object.values(REPORTED).flatMap((reported) => reported.events);
    expect(events.filter((event) => !sources.includes(`'${event}'`))).toEqual([]);
  });

  it('refers from stack to stack weakly: no export holds an update up', () => {
    expect(JSON.stringify([...app.templates])).not.toContain('Fn::ImportValue');
  });
});
