/** The public door: Slack's signed calls. It may record votes and wake the workflow, nothing else. */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { Handler } from './handler.ts';
import { onlyItems, requestStatement, slackSecretStatement, wakeStatement } from './statements.ts';

export interface SlackProps {
  /** The gateway's name: the API is named after it. */
  readonly name: string;
  readonly table: dynamodb.ITableV2;
  readonly secret: secretsmanager.ISecret;
  readonly stateMachineArn: string;
}

export class Slack extends Construct {
  readonly handler: Handler;
  readonly api: apigateway.HttpApi;
  /** What the Slack app's interactivity is pointed at. */
  readonly requestUrl: string;

  constructor(scope: Construct, id: string, props: SlackProps) {
    super(scope, id);
    this.api = new apigateway.HttpApi(this, 'Api', {
      apiName: `${props.name}-slack`,
      description: 'Sallyport: Slack interactivity',
      createDefaultStage: false,
    });
    const accessLog = new logs.LogGroup(this, 'AccessLog', {
      retention: logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new apigateway.HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      // People press buttons; anything faster is not Slack.
      throttle: { rateLimit: 20, burstLimit: 40 },
      detailedMetricsEnabled: true,
      accessLogSettings: { destination: new apigateway.LogGroupLogDestination(accessLog) },
    });
    this.requestUrl = `${this.api.apiEndpoint}/slack`;
    this.handler = new Handler(this, 'Handler', {
      bundle: 'slack',
      description: 'Sallyport slack: a button pressed becomes a vote',
      // Slack shows an error after 3 s.
      timeout: Duration.seconds(10),
      // A whole vCPU, so that a cold start fits into Slack's 3 s.
      memoryMiB: 1769,
      environment: {
        TABLE_NAME: props.table.tableName,
        STATE_MACHINE_ARN: props.stateMachineArn,
        SLACK_SECRET_ARN: props.secret.secretArn,
        PAGE_URL: this.api.apiEndpoint,
      },
      statements: slackStatements(props),
    });
    this.api.addRoutes({
      path: '/slack',
      methods: [apigateway.HttpMethod.POST],
      integration: new HttpLambdaIntegration('Interactivity', this.handler.function),
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'Slack cannot sign in to AWS: the handler verifies the signature of every call, 300 s window.',
    });
  }
}

function slackStatements(props: SlackProps): iam.PolicyStatement[] {
  return [
    requestStatement(props.table, 'GetItem', 'UpdateItem'),
    new iam.PolicyStatement({
      sid: 'WhoPressed',
      actions: ['dynamodb:GetItem'],
      resources: [props.table.tableArn],
      conditions: onlyItems('LINK#*', 'PERSON#*'),
    }),
    wakeStatement(props.stateMachineArn),
    slackSecretStatement(props.secret),
  ];
}
