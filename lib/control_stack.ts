/** What judges, asks, answers and archives: the functions, the workflow, the queries, the alarms. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { athenaSql, namedQueries } from '../bin/archive/named_queries.ts';
import { COLUMNS } from '../core/recording/columns.ts';
import type { GatewayConfig } from './config.ts';
import { Alarms, alarmTopic } from './constructs/alarms.ts';
import { Approvals, workflowArn } from './constructs/approvals.ts';
import { Archive } from './constructs/archive.ts';
import { type ControlParts, controlAlarms } from './constructs/control_alarms.ts';
import { Decide } from './constructs/decide.ts';
import { Digest } from './constructs/digest.ts';
import { Query } from './constructs/query.ts';
import { Slack } from './constructs/slack.ts';
import type { DataStack } from './data_stack.ts';

export class ControlStack extends Stack {
  readonly decide: Decide;
  readonly approvals: Approvals;
  readonly slack: Slack;
  readonly archive: Archive;
  readonly digest: Digest;
  readonly query: Query;
  readonly alarmTopic: sns.Topic;
  readonly alarms: Alarms;

  constructor(
    scope: Construct,
    id: string,
    config: GatewayConfig,
    data: DataStack,
    props: StackProps,
  ) {
    super(scope, id, props);
    const { keys, evidence, state, events, secrets } = data;
    const { name } = config;
    this.decide = new Decide(this, 'Decide');
    this.slack = new Slack(this, 'Slack', {
      name,
      table: state.table,
      secret: secrets.slack,
      stateMachineArn: workflowArn(this, name),
    });
    this.approvals = new Approvals(this, 'Approvals', {
      name,
      table: state.table,
      sealKey: keys.seal,
      slackSecret: secrets.slack,
      slackChannel: config.slack.channel,
      pageUrl: this.slack.api.apiEndpoint,
    });
    this.archive = new Archive(this, 'Archive', {
      stream: events.stream,
      evidence: evidence.bucket,
      rejects: evidence.rejects,
      dataKey: keys.data,
    });
    this.digest = new Digest(this, 'Digest', {
      bucket: evidence.bucket,
      dataKey: keys.data,
      digestKey: keys.digest,
    });
    this.query = new Query(this, 'Query', {
      name,
      evidence: evidence.bucket,
      results: evidence.results,
      dataKey: keys.data,
      columns: COLUMNS,
      namedQueries: namedQueries().map((query) => ({
        name: query.name,
        description: query.description,
        sql: athenaSql(query),
      })),
    });
    this.alarmTopic = alarmTopic(this, { key: keys.data, emails: config.alarmEmails });
    this.alarms = new Alarms(this, 'Alarms', {
      topic: this.alarmTopic,
      watched: controlAlarms(this.parts(data)),
    });
    new CfnOutput(this, 'SlackRequestUrl', {
      value: this.slack.requestUrl,
      description: 'The request URL of the Slack app: Interactivity & Shortcuts',
    });
    new CfnOutput(this, 'AthenaWorkgroup', { value: name });
  }

  /** What the alarms and the dashboard look at. */
  parts(data: DataStack): ControlParts {
    return {
      decide: this.decide,
      approvals: this.approvals.handler,
      steps: this.approvals.steps,
      slack: this.slack,
      archive: this.archive,
      digest: this.digest.handler,
      machine: this.approvals.machine,
      stream: data.events.stream,
    };
  }
}
