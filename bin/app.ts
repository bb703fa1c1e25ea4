/** The CDK app. What to deploy is in sallyport.config.ts; how it is built, in lib/. */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { AccessGateway } from '../lib/access_gateway.ts';
import { parseConfig } from '../lib/config.ts';
import { checkPolicyFiles } from '../lib/policy_files.ts';
import { assertNoProblems } from '../lib/validate.ts';
import { config as input } from '../sallyport.config.ts';

const config = parseConfig(input);
assertNoProblems(`"${config.policies}"`, await checkPolicyFiles(config));

const app = new App();
new AccessGateway(app, config.name, { config });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
app.synth();
