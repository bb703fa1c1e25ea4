/** What the fleet itself reports in its log that somebody must see: lines counted by event name. */
import type * as logs from 'aws-cdk-lib/aws-logs';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { FIVE_MINUTES, type Watched } from './alarms.ts';

interface Reported {
  /** As proxy/ logs them: `event` of a JSON line. */
  readonly events: readonly string[];
  /** Lines in five minutes that are still nobody's concern. @default 0 */
  readonly tolerated?: number;
  readonly meaning: string;
}

export const REPORTED: Readonly<Record<string, Reported>> = {
  RecordingFailed: {
    events: ['recorder.append_failed', 'recorder.end_failed', 'recorder.spool.write_failed'],
    meaning: 'Sessions were stopped because they could not be recorded. Is the spool’s disk full?',
  },
  EventsLeftBehind: {
    events: ['recorder.close_undrained'],
    meaning: 'A task stopped before its spool was empty: verify will name the sessions.',
  },
  SpoolDamaged: {
    events: ['recorder.spool.corrupt_line', 'recorder.spool.unreadable_line'],
    meaning: 'A spool holds lines that were not written so; they are kept beside it. Look at once.',
  },
  StreamUnreachable: {
    events: ['recorder.stream.put_failed'],
    // A retry now and then is what retries are for.
    tolerated: 10,
    meaning: 'The fleet cannot reach the stream: events wait in spools, and sync targets stop.',
  },
  ControlLost: {
    events: ['control.lost'],
    meaning: 'A task could not read versions and revocations for 15 s, so it ended its sessions.',
  },
  ListenerFull: {
    events: ['listener.full'],
    meaning: 'A task refused connections at its limit. Raise maxTasks.',
  },
  TaskFailed: {
    events: ['proxy.start_failed', 'proxy.crashed'],
    meaning:
      'A proxy did not start, or ended by itself. Its line in the log says why and what to do.',
  },
  CredentialUnusable: {
    events: ['credential.refused', 'credential.unavailable'],
    // A rotation is refused once by each task; an outage of the store is retried.
    tolerated: 10,
    meaning:
      'Stored credentials of a target are refused or cannot be read: its sessions cannot begin.',
  },
  CertificateExpiring: {
    events: ['tls.certificate_expiring', 'tls.certificate_expired'],
    meaning: 'A task started with a certificate near its end. Renew the secret, then redeploy.',
  },
  BrokenInvariant: {
    events: ['connection.broken'],
    meaning: 'A session was closed by a bug. Its line in the log has the reason: report it.',
  },
};

export function fleetLogAlarms(
  scope: Construct,
  props: { readonly name: string; readonly logGroup: logs.ILogGroup },
): Record<string, Watched> {
  const watched = Object.entries(REPORTED).map(([name, { events, tolerated, meaning }]) => {
    const filter = new MetricFilter(scope, `${name}Lines`, {
      logGroup: props.logGroup,
      filterPattern: FilterPattern.any(
        ...events.map((event) => FilterPattern.stringValue('$.event', '=', event)),
      ),
      metricNamespace: `Sallyport/${props.name}`,
      metricName: name,
      defaultValue: 0,
    });
    return [name, { metric: filter.metric(FIVE_MINUTES), threshold: tolerated ?? 0, meaning }];
  });
  return Object.fromEntries(watched) as Record<string, Watched>;
}
