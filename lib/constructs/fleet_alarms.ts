/** What is watched of the fleet. */
import { Duration } from 'aws-cdk-lib';
import type { FleetConfig } from '../config.ts';
import type { Watched } from './alarms.ts';
import type { Fleet } from './fleet.ts';

export function fleetAlarms(fleet: Fleet, config: FleetConfig): Record<string, Watched> {
  const minute = Duration.minutes(1);
  return {
    UnhealthyTasks: {
      metric: fleet.targetGroup.metrics.unHealthyHostCount({
        period: minute,
        statistic: 'Maximum',
      }),
      threshold: 0,
      periods: 5,
      meaning: 'A proxy task does not answer its health check. Read the log of the fleet.',
    },
    TooFewTasks: {
      metric: fleet.targetGroup.metrics.healthyHostCount({ period: minute, statistic: 'Minimum' }),
      threshold: config.minTasks,
      when: 'below',
      periods: 5,
      silenceIsBad: true,
      meaning: 'Fewer healthy proxy tasks than the least allowed: people may be unable to connect.',
    },
    MemoryNearlyFull: {
      metric: fleet.service.metricMemoryUtilization({ period: minute, statistic: 'Maximum' }),
      threshold: 90,
      periods: 3,
      meaning: 'A task is near its memory limit; killed at it, its sessions end. Raise memoryMiB.',
    },
    CpuSaturated: {
      metric: fleet.service.metricCpuUtilization({ period: minute, statistic: 'Average' }),
      threshold: 90,
      periods: 10,
      meaning: 'The fleet is at its limit for ten minutes. Raise maxTasks or cpu.',
    },
    PortsExhausted: {
      metric: fleet.balancer.metrics.custom('PortAllocationErrorCount', {
        period: minute,
        statistic: 'Sum',
      }),
      threshold: 0,
      meaning: 'The load balancer ran out of ports, so connections fail. Add tasks.',
    },
  };
}
