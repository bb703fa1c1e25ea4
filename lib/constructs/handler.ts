/**
 * One Lambda function with a role and a log group of its own. The role may write that log group and
 * do what `statements` say; no managed policy, no grant of an L2, so what is read here is what is allowed.
 */
import { fileURLToPath } from 'node:url';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** Where build.ts puts the bundles, one folder each. */
export const BUNDLES = fileURLToPath(new URL('../../dist/functions', import.meta.url));

export interface HandlerProps {
  /** The folder under dist/functions. */
  readonly bundle: string;
  /** The exported function. @default handler */
  readonly entry?: string;
  readonly description: string;
  /** No longer than what the caller waits for. */
  readonly timeout: Duration;
  /** CPU grows with it: 1,769 MiB is one vCPU. */
  readonly memoryMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  /** All that the function may do, besides writing its own log. */
  readonly statements: readonly iam.PolicyStatement[];
}

export class Handler extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: HandlerProps) {
    super(scope, id);

    this.logGroup = new logs.LogGroup(this, 'Log', {
      retention: logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
    });
    this.role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'OwnLog',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.logGroup.logGroupArn],
      }),
    );
    for (const statement of props.statements) this.role.addToPolicy(statement);

    this.function = new lambda.Function(this, 'Function', {
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(`${BUNDLES}/${props.bundle}`),
      handler: `index.${props.entry ?? 'handler'}`,
      description: props.description,
      timeout: props.timeout,
      memorySize: props.memoryMiB,
      environment: { ...props.environment },
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      // START, END and REPORT of each call cost as much as the call.
      systemLogLevelV2: lambda.SystemLogLevel.WARN,
    });
  }
}
