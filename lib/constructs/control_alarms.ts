/** What is watched of the control plane. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as kinesis from 'aws-cdk-lib/aws-kinesis';
import type * as stepfunctions from 'aws-cdk-lib/aws-stepfunctions';
import { FIVE_MINUTES, type Watched } from './alarms.ts';
import type { Archive } from './archive.ts';
import type { Decide } from './decide.ts';
import type { Handler } from './handler.ts';
import type { Slack } from './slack.ts';

export interface ControlParts {
  readonly decide: Decide;
  readonly approvals: Handler;
  readonly steps: Handler;
  readonly slack: Slack;
  readonly archive: Archive;
  readonly digest: Handler;
  readonly machine: stepfunctions.StateMachine;
  readonly stream: kinesis.Stream;
}

export function controlAlarms(parts: ControlParts): Record<string, Watched> {
  return { ...judging(parts), ...approving(parts), ...recording(parts) };
}

function errorsOf(handler: Handler, meaning: string): Watched {
  return { metric: handler.function.metricErrors(FIVE_MINUTES), threshold: 0, meaning };
}

function judging({ decide }: ControlParts): Record<string, Watched> {
  const { function: judge } = decide.handler;
  return {
    DecideErrors: errorsOf(
      decide.handler,
      'Decide fails, so commands that the fleet does not remember are denied. Read its log.',
    ),
    DecideThrottles: {
      metric: judge.metricThrottles(FIVE_MINUTES),
      threshold: 0,
      meaning:
        'Decide is throttled, so commands are denied. Raise the concurrency quota of the account.',
    },
    DecideSlow: {
      metric: judge.metricDuration({ period: Duration.minutes(5), statistic: 'p99' }),
      threshold: 250,
      periods: 3,
      meaning: 'One decision in a hundred takes over 250 ms: people notice. Look for cold starts.',
    },
  };
}

function approving({ approvals, steps, slack, machine }: ControlParts): Record<string, Watched> {
  const ofTheApi = (metric: 'metricServerError' | 'metricClientError') =>
    slack.api[metric](FIVE_MINUTES);
  return {
    ApprovalsErrors: errorsOf(
      approvals,
      'Approval requests cannot be opened or spent, so held commands are refused. Read its log.',
    ),
    WorkflowStepErrors: errorsOf(
      steps,
      'Approvers are not told, or cards are not updated. Requests still expire. Read its log.',
    ),
    WorkflowFailed: {
      metric: machine.metricFailed(FIVE_MINUTES),
      threshold: 0,
      meaning:
        'An approval workflow failed. The table still decides; open the execution to see why.',
    },
    WorkflowThrottled: {
      metric: machine.metricThrottled(FIVE_MINUTES),
      threshold: 0,
      meaning: 'Approval workflows are throttled: cards and escalations come late.',
    },
    SlackErrors: errorsOf(
      slack.handler,
      'Buttons in Slack do nothing, so approvers see an error. Read its log.',
    ),
    SlackServerErrors: {
      metric: ofTheApi('metricServerError'),
      threshold: 0,
      meaning: 'The Slack endpoint answers with 5xx. Read the log of the slack function.',
    },
    SlackRefusals: {
      metric: ofTheApi('metricClientError'),
      threshold: 20,
      meaning:
        'A burst of refused calls to the Slack endpoint: a wrong signing secret, or somebody probing.',
    },
  };
}

function recording({ archive, digest, stream }: ControlParts): Record<string, Watched> {
  const mapping = { EventSourceMappingUUID: archive.source.eventSourceMappingId };
  return {
    ArchiveErrors: errorsOf(
      archive.handler,
      'Events are not being archived; the stream keeps them for 7 days. Read its log.',
    ),
    ArchiveBehind: {
      metric: stream.metricGetRecordsIteratorAgeMilliseconds({
        period: Duration.minutes(5),
        statistic: 'Maximum',
      }),
      threshold: Duration.minutes(5).toMilliseconds(),
      meaning: 'The archive is more than 5 minutes behind the fleet.',
    },
    ArchiveRejects: {
      metric: new cloudwatch.Metric({
        namespace: 'AWS/Lambda',
        metricName: 'OnFailureDestinationDeliveredEventCount',
        dimensionsMap: { FunctionName: archive.handler.function.functionName, ...mapping },
        ...FIVE_MINUTES,
      }),
      threshold: 0,
      meaning:
        'Events were refused ten times and now lie in the rejects bucket: repair the function, then archive them.',
    },
    StreamThrottled: {
      metric: stream.metricWriteProvisionedThroughputExceeded(FIVE_MINUTES),
      threshold: 0,
      periods: 3,
      meaning:
        'The stream takes no more: targets that record in sync mode slow down, then stop. Add a shard.',
    },
    DigestErrors: errorsOf(
      digest,
      'An hourly digest was not signed: recent evidence is not yet proven. Read its log.',
    ),
    DigestMissing: {
      metric: digest.function.metricInvocations({ period: Duration.hours(1), statistic: 'Sum' }),
      threshold: 1,
      when: 'below',
      periods: 2,
      silenceIsBad: true,
      meaning: 'No digest was attempted for two hours: is the schedule on?',
    },
  };
}
