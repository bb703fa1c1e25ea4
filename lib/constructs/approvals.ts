/**
 * Approval requests: the handler that the fleet calls, and the workflow that keeps their clock. The
 * table decides; the workflow notifies, waits, escalates and expires, and can neither grant nor lose.
 */
import { ArnFormat, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { workflowDefinition } from '../../functions/approvals/workflow.ts';
import { assertNoProblems } from '../validate.ts';
import { checkWorkflow } from '../validate_workflow.ts';
import { Handler } from './handler.ts';
import { requestStatement, slackSecretStatement, wakeStatement } from './statements.ts';

export interface ApprovalsProps {
  /** The gateway's name: the machine is named after it. */
  readonly name: string;
  readonly table: dynamodb.ITableV2;
  readonly sealKey: kms.IKey;
  readonly slackSecret: secretsmanager.ISecret;
  readonly slackChannel: string;
  readonly pageUrl: string;
}

export class Approvals extends Construct {
  /** What the fleet invokes: open, renew, withdraw, consume, outcome. */
  readonly handler: Handler;
  /** What the workflow invokes. */
  readonly steps: Handler;
  readonly live: lambda.Alias;
  readonly machine: stepfunctions.StateMachine;

  constructor(scope: Construct, id: string, props: ApprovalsProps) {
    super(scope, id);
    const machineArn = workflowArn(this, props.name);
    const shared = { TABLE_NAME: props.table.tableName, STATE_MACHINE_ARN: machineArn };
    // The fleet waits 10 s for an answer.
    const common = { timeout: Duration.seconds(10), memoryMiB: 1024 };
    this.handler = new Handler(this, 'Handler', {
      ...common,
      bundle: 'approvals',
      description: 'Sallyport approvals: opens, renews, withdraws and spends requests',
      environment: { ...shared, SEAL_KEY_ID: props.sealKey.keyArn },
      statements: handlerStatements(props, machineArn),
    });
    this.live = new lambda.Alias(this, 'Live', {
      aliasName: 'live',
      version: this.handler.function.currentVersion as lambda.IVersion,
    });
    this.steps = new Handler(this, 'Steps', {
      ...common,
      bundle: 'workflow_steps',
      description: 'Sallyport approvals: notifies, waits and expires',
      environment: {
        ...shared,
        SLACK_SECRET_ARN: props.slackSecret.secretArn,
        SLACK_CHANNEL: props.slackChannel,
        PAGE_URL: props.pageUrl,
      },
      statements: stepsStatements(props, machineArn),
    });
    this.machine = this.workflow(props.name);
  }

  private workflow(name: string): stepfunctions.StateMachine {
    const definition = workflowDefinition({ functionArn: this.steps.function.functionArn });
    assertNoProblems('The approval workflow', checkWorkflow(definition));
    const role = new iam.Role(this, 'WorkflowRole', {
      assumedBy: new iam.ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: 'Sallyport approvals: the workflow invokes its steps',
    });
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'InvokeSteps',
        actions: ['lambda:InvokeFunction'],
        resources: [this.steps.function.functionArn],
      }),
    );
    const machine = new stepfunctions.StateMachine(this, 'Workflow', {
      stateMachineName: workflowName(name),
      definitionBody: stepfunctions.DefinitionBody.fromString(
        Stack.of(this).toJsonString(definition),
      ),
      role,
      tracingEnabled: true,
      logs: {
        destination: new logs.LogGroup(this, 'WorkflowLog', {
          // Step Functions writes to groups of this prefix without a policy per group, of which
          // an account may hold ten. https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
          logGroupName: `/aws/vendedlogs/states/${workflowName(name)}`,
          retention: logs.RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: stepfunctions.LogLevel.ALL,
        // Ids say enough; what a step was given is in the table.
        includeExecutionData: false,
      },
    });
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'Log delivery and X-Ray have no resources to name: the actions allow * only.',
    });
    return machine;
  }
}

function workflowName(name: string): string {
  return `${name}-approvals`;
}

/** Composed, not read from the resource: the machine names its steps, and they name the machine. */
export function workflowArn(scope: Construct, name: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    resourceName: workflowName(name),
  });
}

function handlerStatements(props: ApprovalsProps, machineArn: string): iam.PolicyStatement[] {
  return [
    requestStatement(props.table, 'GetItem', 'PutItem', 'UpdateItem'),
    new iam.PolicyStatement({
      sid: 'StartTheWorkflow',
      actions: ['states:StartExecution'],
      resources: [machineArn],
    }),
    wakeStatement(machineArn),
    // It seals and cannot open: no role here may decrypt with this key.
    new iam.PolicyStatement({
      sid: 'SealStatements',
      actions: ['kms:GenerateDataKey'],
      resources: [props.sealKey.keyArn],
    }),
  ];
}

function stepsStatements(props: ApprovalsProps, machineArn: string): iam.PolicyStatement[] {
  return [
    requestStatement(props.table, 'GetItem', 'UpdateItem'),
    wakeStatement(machineArn),
    slackSecretStatement(props.slackSecret),
  ];
}
