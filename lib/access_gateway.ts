/** The whole gateway: three stacks from one configuration. */
import { type Environment, Validations } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { acknowledgements } from './acknowledge.ts';
import type { GatewayConfig } from './config.ts';
import { ControlStack } from './control_stack.ts';
import { DataStack } from './data_stack.ts';
import { EdgeStack } from './edge_stack.ts';
import { assertNoProblems, checkConfig } from './validate.ts';

export interface AccessGatewayProps {
  /** From parseConfig. Its policies are checked by checkPolicyFiles, which cannot run in a constructor. */
  readonly config: GatewayConfig;
}

/** Data is kept when the others go. Edge is apart because its deploys are slow and roll back alone. */
export class AccessGateway extends Construct {
  readonly data: DataStack;
  readonly control: ControlStack;
  readonly edge: EdgeStack;

  constructor(scope: Construct, id: string, props: AccessGatewayProps) {
    super(scope, id);
    const { config } = props;
    assertNoProblems(`The gateway "${config.name}"`, checkConfig(config));
    Validations.of(this).addPlugins(acknowledgements(this));
    const stack = (part: string) => ({
      stackName: `${config.name}-${part}`,
      description: `Sallyport access gateway: ${part}`,
      ...(config.environment === undefined
        ? {}
        : { env: config.environment satisfies Environment }),
    });
    this.data = new DataStack(this, 'Data', config, stack('data'));
    this.control = new ControlStack(this, 'Control', config, this.data, stack('control'));
    this.edge = new EdgeStack(this, 'Edge', config, this.data, this.control, stack('edge'));
  }
}
