/** The VPC, or somebody's own; and the two security groups that say who may talk to whom. */
import { Fn, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { NetworkConfig } from '../config.ts';

export interface NetworkProps {
  readonly network: NetworkConfig;
  /** The gateway's listeners. */
  readonly listenerPorts: readonly number[];
  /** The ports of all targets. */
  readonly targetPorts: readonly number[];
}

export class Network extends Construct {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection;
  readonly balancerGroup: ec2.SecurityGroup;
  readonly fleetGroup: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { network } = props;
    this.vpc = network.kind === 'create' ? this.create(network.cidr) : this.existing(network);
    this.subnets = { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS };

    this.balancerGroup = this.group('BalancerGroup', 'Clients reach the load balancer');
    this.fleetGroup = this.group('FleetGroup', 'The load balancer reaches the fleet');
    for (const port of new Set(props.listenerPorts)) {
      for (const range of new Set(network.allowFrom)) {
        this.balancerGroup.addIngressRule(ec2.Peer.ipv4(range), ec2.Port.tcp(port), 'Clients');
      }
      // With client addresses preserved, a reference to the balancer's group still matches.
      // https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
      this.balancerGroup.addEgressRule(this.fleetGroup, ec2.Port.tcp(port), 'The fleet');
      this.fleetGroup.addIngressRule(this.balancerGroup, ec2.Port.tcp(port), 'The balancer');
    }
    this.fleetGroup.addEgressRule(
      ec2.Peer.anyIpv4(),
      ec2.Port.tcp(443),
      'AWS endpoints and the OIDC issuer',
    );
    for (const port of new Set(props.targetPorts)) {
      for (const range of new Set(network.targetsIn)) {
        this.fleetGroup.addEgressRule(ec2.Peer.ipv4(range), ec2.Port.tcp(port), 'Targets');
      }
    }
  }

  private group(id: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
  }

  private create(cidr: string): ec2.IVpc {
    const vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr(cidr),
      maxAzs: 2,
      natGateways: 1,
      // Nothing here is in the default group. Closing it would take a custom resource whose function
      // may edit security groups: a bigger door than the one it shuts.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: 'Public', subnetType: ec2.SubnetType.PUBLIC, mapPublicIpOnLaunch: false },
        { name: 'Private', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      ],
    });
    // Both are free. Nine interface endpoints in two zones would be the largest line of the bill.
    vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    vpc.addGatewayEndpoint('DynamoDb', { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB });
    vpc.addFlowLog('FlowLog', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(
        new logs.LogGroup(this, 'FlowLogGroup', {
          retention: logs.RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      ),
    });
    return vpc as ec2.IVpc;
  }

  private existing(network: Extract<NetworkConfig, { kind: 'existing' }>): ec2.IVpc {
    Validations.of(this).acknowledge({
      id: 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId',
      reason: 'No route is added to a network that is somebody else’s.',
    });
    return ec2.Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: network.vpcId,
      availabilityZones: [...network.availabilityZones],
      privateSubnetIds: [...network.privateSubnetIds],
    });
  }
}

/**
 * The zones of a new VPC: the region's first two, resolved by CloudFormation. Named so, synth needs
 * no look-up, hence no credentials, and never falls back to the `dummy1a` of a failed one.
 */
export const FIRST_TWO_ZONES: readonly string[] = [0, 1].map((index) =>
  Fn.select(index, Fn.getAzs()),
);
