/** What clients touch: the network, the load balancer, the fleet. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import type { GatewayConfig } from './config.ts';
import { Alarms } from './constructs/alarms.ts';
import { Dashboard } from './constructs/dashboard.ts';
import { Fleet } from './constructs/fleet.ts';
import { fleetAlarms } from './constructs/fleet_alarms.ts';
import { fleetLogAlarms } from './constructs/fleet_log_alarms.ts';
import { FIRST_TWO_ZONES, Network } from './constructs/network.ts';
import type { ControlStack } from './control_stack.ts';
import type { DataStack } from './data_stack.ts';
import { fleetEnvironment, fleetStatements } from './fleet_access.ts';
import { sourceImage } from './proxy_image.ts';

export class EdgeStack extends Stack {
  readonly network: Network;
  readonly fleet: Fleet;

  constructor(
    scope: Construct,
    id: string,
    config: GatewayConfig,
    data: DataStack,
    control: ControlStack,
    props: StackProps,
  ) {
    super(scope, id, props);
    const needs = { config, data, control };
    this.network = new Network(this, 'Network', {
      network: config.network,
      listenerPorts: [config.port],
      targetPorts: config.targets.map((target) => target.port),
    });
    const { image } = config.fleet;
    this.fleet = new Fleet(this, 'Fleet', {
      network: this.network,
      fleet: config.fleet,
      port: config.port,
      image: image === undefined ? sourceImage() : ecs.ContainerImage.fromRegistry(image),
      environment: fleetEnvironment(needs),
      statements: fleetStatements(this, needs),
    });
    const alarms = new Alarms(this, 'Alarms', {
      topic: control.alarmTopic,
      watched: {
        ...fleetAlarms(this.fleet, config.fleet),
        ...fleetLogAlarms(this.fleet, { name: config.name, logGroup: this.fleet.logGroup }),
      },
    });
    new Dashboard(this, 'Overview', {
      name: config.name,
      control: control.parts(data),
      fleet: this.fleet,
      alarms: [...control.alarms.all, ...alarms.all],
    });
    const { loadBalancerDnsName: host } = this.fleet.balancer;
    new CfnOutput(this, 'Endpoint', { value: `${host}:${config.port}` });
    for (const { name } of config.targets) {
      new CfnOutput(this, `Connect-${name}`, {
        value: `psql "host=${host} port=${config.port} dbname=${name} user=YOU sslmode=require"`,
        description: 'With an OIDC token as the password (PGPASSWORD)',
      });
    }
  }

  /** Named here, so that no look-up is asked for: see FIRST_TWO_ZONES. */
  override get availabilityZones(): string[] {
    return [...FIRST_TWO_ZONES];
  }
}
