/**
 * One SQL table over the evidence. Partitions are computed from the path (projection), so there is no
 * crawler and nothing to repair; results go to a bucket of their own, never beside the evidence.
 * https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
 */
import { Stack } from 'aws-cdk-lib';
import * as athena from 'aws-cdk-lib/aws-athena';
import * as glue from 'aws-cdk-lib/aws-glue';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Column, ColumnType } from '../../core/recording/columns.ts';
import { acknowledgeWildcard } from '../acknowledge.ts';
import { onlyThrough } from './statements.ts';

/** The most one query may scan: 200 GiB is a dollar. */
const SCAN_BYTES_MAX = 200 * 1024 ** 3;

export interface QueryProps {
  /** The gateway's name: tells two installs of one account apart. */
  readonly name: string;
  readonly evidence: s3.IBucket;
  readonly results: s3.IBucket;
  readonly dataKey: kms.IKey;
  /** Of the Parquet files, without the partition `dt`. */
  readonly columns: readonly Column[];
  readonly namedQueries: readonly {
    readonly name: string;
    readonly description: string;
    readonly sql: string;
  }[];
}

export class Query extends Construct {
  readonly workgroup: athena.CfnWorkGroup;
  readonly table: glue.CfnTable;
  /** For the roles of analysts: reads the table and its results, writes nothing else. */
  readonly analysts: iam.ManagedPolicy;
  /** Of the Glue database. */
  readonly database: string;

  constructor(scope: Construct, id: string, props: QueryProps) {
    super(scope, id);
    this.database = props.name.replaceAll('-', '_');
    const catalogId = Stack.of(this).account;
    const database = new glue.CfnDatabase(this, 'Database', {
      catalogId,
      databaseInput: { name: this.database, description: 'Sallyport: the record of every command' },
    });
    this.table = new glue.CfnTable(this, 'Events', {
      catalogId,
      databaseName: this.database,
      tableInput: eventsTable(props),
    });
    this.table.addResourceDependency(database);
    this.workgroup = new athena.CfnWorkGroup(this, 'Workgroup', {
      name: props.name,
      description: 'Sallyport: queries over the archive',
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        bytesScannedCutoffPerQuery: SCAN_BYTES_MAX,
        resultConfiguration: {
          outputLocation: `s3://${props.results.bucketName}/`,
          encryptionConfiguration: { encryptionOption: 'SSE_KMS', kmsKey: props.dataKey.keyArn },
        },
      },
    });
    for (const query of props.namedQueries) {
      const named = new athena.CfnNamedQuery(this, `Query-${query.name}`, {
        name: query.name,
        description: query.description,
        database: this.database,
        queryString: query.sql,
        workGroup: props.name,
      });
      named.addResourceDependency(this.workgroup);
    }
    for (const bucket of [props.evidence, props.results]) {
      const reason = 'An analyst reads every session, and results have names that Athena makes up.';
      acknowledgeWildcard(this, bucket.arnForObjects('*'), reason);
    }
    this.analysts = new iam.ManagedPolicy(this, 'Analysts', {
      description: 'Sallyport: query and replay the archive, change nothing',
      statements: analystStatements(this, props),
    });
  }
}

/** https://docs.aws.amazon.com/athena/latest/ug/data-types.html */
const GLUE_TYPES: Readonly<Record<ColumnType, string>> = {
  string: 'string',
  int64: 'bigint',
  double: 'double',
  boolean: 'boolean',
  timestamp: 'timestamp',
  'string[]': 'array<string>',
  'int64[]': 'array<bigint>',
};

function eventsTable(props: QueryProps): glue.CfnTable.TableInputProperty {
  const location = `s3://${props.evidence.bucketName}/events/`;
  return {
    name: 'events',
    description: 'One row a command: who, what, the decision, the outcome',
    tableType: 'EXTERNAL_TABLE',
    partitionKeys: [{ name: 'dt', type: 'string' }],
    parameters: {
      EXTERNAL: 'TRUE',
      classification: 'parquet',
      'projection.enabled': 'true',
      'projection.dt.type': 'date',
      'projection.dt.format': 'yyyy-MM-dd',
      'projection.dt.range': '2026-01-01,NOW',
      'projection.dt.interval': '1',
      'projection.dt.interval.unit': 'DAYS',
      'storage.location.template': `${location}dt=\${dt}/`,
    },
    storageDescriptor: {
      columns: props.columns.map(({ name, type }) => ({ name, type: GLUE_TYPES[type] })),
      location,
      inputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
      outputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
      serdeInfo: {
        serializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
      },
    },
  };
}

function analystStatements(query: Query, props: QueryProps): iam.PolicyStatement[] {
  const arn = (service: string, resource: string) =>
    Stack.of(query).formatArn({ service, resource });
  return [
    new iam.PolicyStatement({
      sid: 'RunQueries',
      actions: [
        'athena:BatchGetNamedQuery',
        'athena:GetNamedQuery',
        'athena:GetQueryExecution',
        'athena:GetQueryResults',
        'athena:GetWorkGroup',
        'athena:ListNamedQueries',
        'athena:StartQueryExecution',
        'athena:StopQueryExecution',
      ],
      resources: [arn('athena', `workgroup/${props.name}`)],
    }),
    new iam.PolicyStatement({
      sid: 'ReadTheSchema',
      actions: ['glue:GetDatabase', 'glue:GetPartitions', 'glue:GetTable'],
      resources: ['catalog', `database/${query.database}`, `table/${query.database}/events`].map(
        (resource) => arn('glue', resource),
      ),
    }),
    new iam.PolicyStatement({
      sid: 'ReadEvidence',
      actions: ['s3:GetObject', 's3:GetObjectVersion'],
      resources: [props.evidence.arnForObjects('*')],
    }),
    new iam.PolicyStatement({
      sid: 'ListEvidence',
      actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketVersions'],
      resources: [props.evidence.bucketArn, props.results.bucketArn],
    }),
    new iam.PolicyStatement({
      sid: 'Results',
      actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
      resources: [props.results.arnForObjects('*')],
    }),
    new iam.PolicyStatement({
      sid: 'AtRest',
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: [props.dataKey.keyArn],
      conditions: onlyThrough(query, 's3'),
    }),
  ];
}
