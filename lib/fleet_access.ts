/** What a proxy task is told and what it may do. It may not vote, grant, read evidence or wake the workflow. */
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { REQUEST_PK_PREFIX, VIEW_ATTRIBUTES } from '../core/approval/item.ts';
import { POLICY_KEY, REVOKED_KEY } from '../core/control.ts';
import type { GatewayConfig } from './config.ts';
import { onlyItems, onlyThrough } from './constructs/statements.ts';
import type { ControlStack } from './control_stack.ts';
import type { DataStack } from './data_stack.ts';
import { proxyConfigJson } from './proxy_config.ts';
import { assertNoProblems, checkProxyConfig } from './validate.ts';

export interface FleetNeeds {
  readonly config: GatewayConfig;
  readonly data: DataStack;
  readonly control: ControlStack;
}

export function fleetEnvironment({ config, data, control }: FleetNeeds): Record<string, string> {
  const json = proxyConfigJson(config);
  assertNoProblems('The fleet', checkProxyConfig(json));
  return {
    SALLYPORT_CONFIG: json,
    DECIDE_FUNCTION: control.decide.live.functionArn,
    APPROVALS_FUNCTION: control.approvals.live.functionArn,
    TABLE_NAME: data.state.table.tableName,
    STREAM_NAME: data.events.stream.streamName,
    TLS_SECRET_ARN: config.tls.secretArn,
    AWS_REGION: data.region,
  };
}

export function fleetStatements(scope: Construct, needs: FleetNeeds): iam.PolicyStatement[] {
  const { config, data, control } = needs;
  const secretKeys = config.targets.flatMap((target) => target.secretKeyArn ?? []);
  return [
    new iam.PolicyStatement({
      sid: 'RecordEvents',
      actions: ['kinesis:PutRecords'],
      resources: [data.events.stream.streamArn],
    }),
    new iam.PolicyStatement({
      sid: 'EventsAtRest',
      actions: ['kms:GenerateDataKey'],
      resources: [data.keys.data.keyArn],
      conditions: onlyThrough(scope, 'kinesis'),
    }),
    new iam.PolicyStatement({
      sid: 'AskDecideAndApprovals',
      actions: ['lambda:InvokeFunction'],
      resources: [control.decide.live.functionArn, control.approvals.live.functionArn],
    }),
    ...readStatements(data),
    new iam.PolicyStatement({
      sid: 'TargetAndListenerSecrets',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [config.tls.secretArn, ...config.targets.map((target) => target.secretArn)],
    }),
    ...(secretKeys.length === 0
      ? []
      : [
          new iam.PolicyStatement({
            sid: 'SecretsAtRest',
            actions: ['kms:Decrypt'],
            resources: [...new Set(secretKeys)],
            conditions: onlyThrough(scope, 'secretsmanager'),
          }),
        ]),
  ];
}

/**
 * What proxy/gate/table.ts reads. Of a request only the attributes of a view, never the sealed statement
 * or the task token: a read must name its attributes (the Null line), and these are all it may name.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 */
function readStatements(data: DataStack): iam.PolicyStatement[] {
  const actions = ['dynamodb:BatchGetItem'];
  const resources = [data.state.table.tableArn];
  return [
    new iam.PolicyStatement({
      sid: 'ReadRequestViews',
      actions,
      resources,
      conditions: {
        ...onlyItems(`${REQUEST_PK_PREFIX}*`),
        'ForAllValues:StringEquals': { 'dynamodb:Attributes': [...VIEW_ATTRIBUTES] },
        Null: { 'dynamodb:Attributes': 'false' },
        StringEqualsIfExists: { 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' },
      },
    }),
    new iam.PolicyStatement({
      sid: 'ReadVersionsAndRevocations',
      actions,
      resources,
      conditions: onlyItems(POLICY_KEY.pk.S, REVOKED_KEY.pk.S),
    }),
  ];
}
