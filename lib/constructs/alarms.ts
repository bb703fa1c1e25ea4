/** Alarms that mean something is broken, each with the sentence that the person who is woken up reads. */
import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

export interface Watched {
  readonly metric: cloudwatch.IMetric;
  /** Alarms above it, or below it where `when` says so. */
  readonly threshold: number;
  /** @default above */
  readonly when?: 'above' | 'below';
  /** Periods in a row. @default 1 */
  readonly periods?: number;
  /** What it means and what to do. */
  readonly meaning: string;
  /** What no data means. @default missing data is fine: the metric appears when something happens */
  readonly silenceIsBad?: boolean;
}

export interface AlarmsProps {
  readonly topic: sns.ITopic;
  /** By construct id, which is part of the alarm's name. */
  readonly watched: Readonly<Record<string, Watched>>;
}

export class Alarms extends Construct {
  readonly all: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const action = new SnsAction(props.topic);
    this.all = Object.entries(props.watched).map(([name, watched]) => {
      const alarm = new cloudwatch.Alarm(this, name, {
        metric: watched.metric,
        threshold: watched.threshold,
        comparisonOperator:
          watched.when === 'below'
            ? cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            : cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluationPeriods: watched.periods ?? 1,
        alarmDescription: watched.meaning,
        treatMissingData: watched.silenceIsBad
          ? cloudwatch.TreatMissingData.BREACHING
          : cloudwatch.TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    });
  }
}

/** Where alarms go. Its policy lets CloudWatch alarms of this account publish, over TLS. */
export function alarmTopic(
  scope: Construct,
  props: { readonly key: kms.IKey; readonly emails: readonly string[] },
): sns.Topic {
  const topic = new sns.Topic(scope, 'AlarmTopic', {
    displayName: 'Sallyport alarms',
    masterKey: props.key,
    enforceSSL: true,
  });
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'AlarmsOfThisAccount',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  );
  for (const email of props.emails) topic.addSubscription(new EmailSubscription(email));
  return topic;
}

/** Sums of five minutes: shorter ones wake people for single retries. */
export const FIVE_MINUTES = { period: Duration.minutes(5), statistic: 'Sum' } as const;
