/** One page for the first look: are people let in, judged, answered and recorded? */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { ControlParts } from './control_alarms.ts';
import type { Fleet } from './fleet.ts';

export interface DashboardProps {
  /** The gateway's name: tells two installs of one account apart. */
  readonly name: string;
  readonly control: ControlParts;
  readonly fleet: Fleet;
  readonly alarms: readonly cloudwatch.IAlarm[];
}

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { control, fleet } = props;
    const p99 = { period: Duration.minutes(5), statistic: 'p99' };
    const judge = control.decide.handler.function;
    const graph = (title: string, left: cloudwatch.IMetric[], right: cloudwatch.IMetric[] = []) =>
      new cloudwatch.GraphWidget({ title, width: 12, left, right });
    new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: props.name,
      widgets: [
        [
          new cloudwatch.AlarmStatusWidget({
            title: 'Alarms',
            width: 24,
            alarms: [...props.alarms],
          }),
        ],
        [
          graph(
            'Connections and tasks',
            [fleet.balancer.metrics.activeFlowCount()],
            [fleet.targetGroup.metrics.healthyHostCount()],
          ),
          graph('Fleet', [
            fleet.service.metricCpuUtilization(),
            fleet.service.metricMemoryUtilization(),
          ]),
        ],
        [
          graph(
            'Decisions',
            [judge.metricInvocations(), judge.metricErrors()],
            [judge.metricDuration(p99)],
          ),
          graph('Approvals', [
            control.machine.metricStarted(),
            control.machine.metricSucceeded(),
            control.machine.metricFailed(),
            control.machine.metricTimedOut(),
          ]),
        ],
        [
          graph(
            'Events',
            [control.stream.metricIncomingRecords(), control.stream.metricIncomingBytes()],
            [control.stream.metricGetRecordsIteratorAgeMilliseconds({ statistic: 'Maximum' })],
          ),
          graph('Archive and digests', [
            control.archive.handler.function.metricInvocations(),
            control.archive.handler.function.metricErrors(),
            control.digest.function.metricErrors(),
          ]),
        ],
      ],
    });
  }
}
