/**
 * The proxy: Fargate tasks behind a TCP load balancer. TLS ends in the proxy, because PostgreSQL
 * negotiates it inside its own protocol and a balancer's TLS listener cannot.
 */
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { manifests } from '../../proxy/protocols/registry.ts';
import type { FleetConfig } from '../config.ts';
import type { Network } from './network.ts';

/** The volume's path; proxy/Dockerfile owns it by the same name, or the task could not write there. */
export const SPOOL_DIRECTORY = '/var/spool/sallyport';

export interface FleetProps {
  readonly network: Network;
  readonly fleet: FleetConfig;
  readonly port: number;
  readonly image: ecs.ContainerImage;
  readonly environment: Readonly<Record<string, string>>;
  /** All that a task may do. */
  readonly statements: readonly iam.PolicyStatement[];
}

export class Fleet extends Construct {
  readonly service: ecs.FargateService;
  readonly taskRole: iam.Role;
  readonly balancer: elb.NetworkLoadBalancer;
  readonly targetGroup: elb.NetworkTargetGroup;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: FleetProps) {
    super(scope, id);
    const { network, fleet, port } = props;
    this.logGroup = new logs.LogGroup(this, 'Log', {
      retention: logs.RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.taskRole = taskRole(this, 'TaskRole', 'Sallyport fleet: what a proxy task may do');
    for (const statement of props.statements) this.taskRole.addToPolicy(statement);
    const executionRole = taskRole(this, 'ExecutionRole', 'Sallyport fleet: pulls, writes the log');
    Validations.of(executionRole).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'ecr:GetAuthorizationToken has no resource to name.',
    });
    const definition = this.definition(props, executionRole);

    this.service = new ecs.FargateService(this, 'Service', {
      cluster: new ecs.Cluster(this, 'Cluster', {
        vpc: network.vpc,
        containerInsightsV2: ecs.ContainerInsights.ENABLED,
      }) as ecs.ICluster,
      taskDefinition: definition,
      desiredCount: fleet.minTasks,
      vpcSubnets: network.subnets,
      securityGroups: [network.fleetGroup],
      assignPublicIp: false,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
      // Rebalancing stops tasks to even out the zones, and every stop ends sessions.
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.DISABLED,
      healthCheckGracePeriod: Duration.minutes(1),
    });
    this.balancer = new elb.NetworkLoadBalancer(this, 'Balancer', {
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      internetFacing: false,
      securityGroups: [network.balancerGroup],
      crossZoneEnabled: true,
    });
    this.targetGroup = this.listen(port, fleet.drainSeconds);
    this.scale(fleet);
    Validations.of(this.balancer).acknowledge({
      id: 'AwsSolutions-ELB2',
      reason:
        'A Network Load Balancer logs TLS listeners only, and these are TCP; VPC flow logs and the session events cover it.',
    });
    Validations.of(definition).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason:
        'The variables are names, ARNs and the public configuration; every secret is read from Secrets Manager at run time.',
    });
  }

  private definition(
    { fleet, image, port, environment }: FleetProps,
    executionRole: iam.Role,
  ): ecs.FargateTaskDefinition {
    const definition = new ecs.FargateTaskDefinition(this, 'Task', {
      cpu: fleet.cpu,
      memoryLimitMiB: fleet.memoryMiB,
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.ARM64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
      taskRole: this.taskRole,
      executionRole,
      // A volume of the task, not of the container: a restarted container finds its spool again.
      volumes: [{ name: 'spool' }],
    });
    const container = definition.addContainer('Proxy', {
      image,
      environment: { ...environment, SPOOL_DIRECTORY },
      logging: ecs.LogDrivers.awsLogs({ logGroup: this.logGroup, streamPrefix: 'proxy' }),
      portMappings: [{ containerPort: port }],
      readonlyRootFilesystem: true,
      user: 'node',
      stopTimeout: Duration.seconds(fleet.stopSeconds),
      // After a crash the same task replays its spool; a new task would have lost it. No container
      // health check for the same reason: ECS answers a failed one by replacing the whole task.
      // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html
      enableRestartPolicy: true,
      restartAttemptPeriod: Duration.seconds(60),
    });
    container.addMountPoints({
      sourceVolume: 'spool',
      containerPath: SPOOL_DIRECTORY,
      readOnly: false,
    });
    return definition;
  }

  private listen(port: number, drainSeconds: number): elb.NetworkTargetGroup {
    const { healthCheck } = manifests.postgres;
    const group = new elb.NetworkTargetGroup(this, 'Targets', {
      vpc: this.service.cluster.vpc,
      port,
      protocol: elb.Protocol.TCP,
      targetType: elb.TargetType.IP,
      targets: [this.service.loadBalancerTarget({ containerName: 'Proxy', containerPort: port })],
      // The client's own address reaches the record, without a PROXY header before the protocol.
      preserveClientIp: true,
      proxyProtocolV2: false,
      deregistrationDelay: Duration.seconds(drainSeconds),
      connectionTermination: false,
      healthCheck: {
        protocol: elb.Protocol.TCP,
        interval: Duration.seconds(healthCheck.intervalSeconds),
        healthyThresholdCount: healthCheck.healthyThreshold,
        unhealthyThresholdCount: healthCheck.unhealthyThreshold,
      },
    });
    this.balancer.addListener(`Tcp${port}`, {
      port,
      protocol: elb.Protocol.TCP,
      // The longest there is: people leave psql open, and keepalives of the proxy do the rest.
      // https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html
      tcpIdleTimeout: Duration.seconds(6000),
      defaultTargetGroups: [group],
    });
    return group;
  }

  private scale(fleet: FleetConfig): void {
    const scaling = this.service.autoScaleTaskCount({
      minCapacity: fleet.minTasks,
      maxCapacity: fleet.maxTasks,
    });
    // Out at once; in as slowly as sessions drain.
    const cooldowns = {
      scaleOutCooldown: Duration.minutes(1),
      scaleInCooldown: Duration.seconds(Math.max(fleet.drainSeconds, 300)),
    };
    scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: 60, ...cooldowns });
    // Sessions hold memory even when they are idle.
    scaling.scaleOnMemoryUtilization('Memory', { targetUtilizationPercent: 70, ...cooldowns });
  }
}

function taskRole(scope: Construct, id: string, description: string): iam.Role {
  return new iam.Role(scope, id, {
    // Only for tasks of this account: the service must not be talked into it by another's.
    assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description,
  });
}
